"""Summaries of synthetic runs, small and at the size of the paper's grid."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))

import synthetic_runs

from nofreelunch.evaluation.summary import summarise

STRATEGIES = ["random", "margin", "entropy", "least_confident", "coreset", "badge", "typiclust", "bait"]
TRUTH = synthetic_runs.Truth(strategy_gain={"margin": 0.02, "coreset": -0.01}, pool_gain={"typiclust": 0.03})


def tables(datasets, embedders, pools, strategies, seeds):
    runs = synthetic_runs.make(datasets, embedders, pools, strategies, seeds, TRUTH)
    return summarise(*runs, focus=embedders[-1]).tables


@pytest.fixture(scope="session")
def tiny():
    return tables(["d"], ["an_embedder_with_a_long_name"], ["typiclust"], STRATEGIES[:2], 1)


@pytest.fixture(scope="session")
def small():
    return tables(["docs_library", "docs_param"], ["lsa", "minilm"], ["random", "typiclust"], STRATEGIES[:4], 3)


@pytest.fixture(scope="session")
def large():
    datasets = ["ag_news", "banking77", "dbpedia", "fnc1", "mnli", "qnli", "sst2", "trec6", "wiki_toxic", "yelp5"]
    embedders = ["bert_base", "minilm", "gte_qwen2_7b", "sfr_2", "stella_1_5b", "bge_en_icl", "nv_embed_v2"]
    return tables(datasets, embedders, ["random", "coreset", "typiclust"], STRATEGIES, 2)


@pytest.fixture(scope="session")
def wide(large):
    kept = ["ag_news", "yelp5"]
    return {name: table[table["dataset"].isin(kept)] for name, table in large.items() if "dataset" in table}
