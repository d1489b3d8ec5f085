"""Initial pool selections (IPS), one file each. A new one is one file and one line here."""

from nofreelunch.pools import random, typiclust
from nofreelunch.query import PoolSelection

POOLS: dict[str, PoolSelection] = {
    "random": random.select,
    "typiclust": typiclust.select,
}
