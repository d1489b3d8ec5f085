"""Stage report: the summary to one HTML file, plots/report.html."""

from nofreelunch.base import layout, storage
from nofreelunch.cli.command import stage
from nofreelunch.evaluation.summary import read_claims, read_tables
from nofreelunch.params import Params
from nofreelunch.report.page import render


def report(params: Params) -> int:
    """Write the report of the grid."""
    page = render(params, read_tables(), read_claims())
    with storage.atomic(layout.REPORT) as temporary:
        temporary.write_text(page, encoding="utf-8")
    size = len(page.encode())
    print(f"{layout.REPORT}: {size / 1e6:.2f} MB")
    return size


if __name__ == "__main__":
    stage(report, unit="bytes")
