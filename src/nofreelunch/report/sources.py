"""Where the numbers behind each claim stand: tables of the report, and which of their rows."""

from urllib.parse import quote, urlencode


def link(table: str, **filters: str) -> str:
    """The address of a table within the report, showing only rows with these values; several are joined by '|'."""
    return f"#table/{table}" + (f"?{urlencode(filters, quote_via=quote)}" if filters else "")


SOURCES: dict[int, list[tuple[str, str]]] = {
    1: [
        ("gains of the pools at round 0", link("pool_gains", phase="initial")),
        ("early gains", link("pool_gains", phase="early")),
    ],
    2: [
        ("gains of TypiClust pools at round 0", link("pool_gains", ips="typiclust", phase="initial")),
        ("full-pool probes", link("embeddings")),
        ("correlations", link("quality", measure="probe_accuracy", outcome="pool_gain.typiclust.initial")),
    ],
    3: [("initial and late gains", link("pool_gains", ips="typiclust", phase="initial|late"))],
    4: [("accuracy in every phase", link("cells")), ("full-pool probes", link("embeddings"))],
    5: [("ranks in every cell", link("cells")), ("times best", link("robustness", scope="all"))],
    6: [
        ("margin in every cell", link("cells", strategy="margin")),
        ("spread of ranks", link("robustness", scope="all")),
    ],
    7: [
        ("regrets and ranks", link("cells", strategy="margin|badge")),
        ("spread and worst regret", link("robustness", strategy="margin|badge")),
    ],
    8: [
        ("gains of BADGE", link("cells", strategy="badge")),
        ("correlations", link("quality", measure="probe_accuracy", outcome="strategy_gain.badge")),
    ],
    9: [
        ("after TypiClust pools", link("cells", ips="typiclust", strategy="margin|badge")),
        ("every pool and strategy", link("defaults")),
    ],
    10: [("MTEB averages", link("embeddings")), ("correlations", link("quality", measure="mteb"))],
    11: [],
    12: [("middle third beside the full pool", link("cells"))],
}
