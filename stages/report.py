"""Stage report: the summary to one HTML file, plots/report.html."""

from nofreelunch.base import layout
from nofreelunch.cli.command import stage
from nofreelunch.evaluation.summary import read_claims, read_tables
from nofreelunch.params import Params
from nofreelunch.report.page import write_page


def report(params: Params) -> int:
    """Write the report of the grid."""
    size = write_page(params, read_tables(), read_claims(), layout.REPORT)
    print(f"{layout.REPORT}: {size / 1e6:.2f} MB")
    return size


if __name__ == "__main__":
    stage(report, unit="bytes")
