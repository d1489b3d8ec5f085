"""How DVC comes to watch code from outside this package: links it follows, and digests that its stages depend on."""

from nofreelunch.base import layout, links, storage
from nofreelunch.base.outside import Outside
from nofreelunch.params import Params


def account(params: Params) -> dict[str, dict[str, dict[str, object]]]:
    """For embedders, pools, strategies and head, by name, what code from outside the grid's entries are."""
    return {section: {name: _said(one) for name, one in named.items()} for section, named in params.foreign.items()}


def _said(outside: Outside) -> dict[str, object]:
    return {"object": outside.name, "sha256": outside.digest, "packages": outside.releases}


def in_words(params: Params) -> list[str]:
    """A line for each entry of the grid that is code from outside."""
    return [
        f"{section}.{name} is code from outside, no part of the benchmark: {one.where} (sha256 {one.digest[:12]})"
        for section, named in params.foreign.items()
        for name, one in named.items()
    ]


def watch(params: Params) -> int:
    """Write the digests of code from outside, and links to its files; how many files there are."""
    said = account(params)
    embedders = said.pop("embedders")
    for section, named in said.items():
        storage.write_json(layout.outside(section), named)
    for name in params.grid.embedders:
        storage.write_json(layout.outside_embedders() / f"{name}.json", embedders.get(name, {}))
    for old in layout.outside_embedders().iterdir():
        if old.stem not in params.grid.embedders:
            old.unlink()
    files = {
        f"{section}.{name}.{number}": path
        for section, named in params.foreign.items()
        for name, one in named.items()
        for number, path in enumerate(one.files)
    }
    links.fill(layout.outside_links(), files, "no code from outside")
    return len(files)


def unwatch_lost() -> None:
    """Remove links to files that are gone."""
    links.drop_lost(layout.outside_links().glob("*"))
