"""Query strategies, one file each. A new one is one file and one line here."""

from nofreelunch.query import Strategy
from nofreelunch.strategies import badge, coreset, entropy, least_confident, margin, random, typiclust

STRATEGIES: dict[str, Strategy] = {
    "random": Strategy(random.select, uses_head=False),
    "margin": Strategy(margin.select),
    "entropy": Strategy(entropy.select),
    "least_confident": Strategy(least_confident.select),
    "coreset": Strategy(coreset.select, uses_head=False),
    "badge": Strategy(badge.select),
    "typiclust": Strategy(typiclust.select, uses_head=False),
}
