"""Initial pool selections (IPS), one file each. A new one is one file and one line here."""

from nofreelunch.selection.pools import coreset, kmeans, maxherding, probcover, random, typiclust
from nofreelunch.selection.query import PoolSelection

POOLS: dict[str, PoolSelection] = {
    "random": random.select,
    "typiclust": typiclust.select,
    "coreset": coreset.select,
    "kmeans": kmeans.select,
    "probcover": probcover.select,
    "maxherding": maxherding.select,
}
