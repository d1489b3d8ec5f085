import json

import numpy as np
import pytest
import synthetic_runs
from synthetic_runs import NO_CLONES, Truth

from nofreelunch.base import registry
from nofreelunch.evaluation import claims
from nofreelunch.evaluation.aulc import run_areas
from nofreelunch.evaluation.gains import pool_gains, strategy_gains
from nofreelunch.evaluation.wins import peaks, ranks

EMBEDDERS = ["bert_base", "minilm", "gte_qwen2_7b", "sfr_2", "bge_en_icl", "nv_embed_v2"]
STRATEGIES = ["random", "margin", "coreset", "badge"]
MTEB = {facts.name: facts.mteb for facts in registry.EMBEDDERS.values()}
ABOUT_EFFECTS = {1, 2, 3, 5, 6, 7, 8, 9}


def judge(
    truth, datasets=8, embedders=EMBEDDERS, pools=("random", "coreset", "typiclust"), strategies=STRATEGIES, seeds=4
):
    names = [f"task_{number}" for number in range(datasets)]
    frame, probes, *_ = synthetic_runs.make(names, embedders, list(pools), strategies, seeds, truth, rounds=6)
    areas = run_areas(frame, probes)
    tables = {
        "aulc": areas,
        "pool_gains": pool_gains(areas),
        "strategy_gains": strategy_gains(areas),
        "ranks": ranks(areas, NO_CLONES),
        "probes": probes.assign(mteb=[MTEB.get(name) for name in probes["embedder"]]),
        "peaks": peaks(frame, NO_CLONES),
        "clones": NO_CLONES,
    }
    found = claims.judge(tables)
    assert [claim["number"] for claim in found] == list(range(1, 13))
    json.dumps(found, allow_nan=False)
    return {claim["number"]: claim for claim in found}


def verdicts(found):
    return {number: claim["verdict"] for number, claim in found.items()}


def test_true_effects_are_supported():
    found = judge(
        Truth(
            strategy_gain={"margin": 0.02, "badge": 0.02, "coreset": -0.02},
            strategy_slope={"badge": 0.06},
            pool_gain={"typiclust": 0.05, "coreset": -0.03},
            pool_slope={"typiclust": 0.05},
            site_noise=0.004,
            run_noise=0.002,
        )
    )
    got = verdicts(found)
    assert {number for number in (1, 2, 3, 4, 8, 9) if got[number] == "supported"} == {1, 2, 3, 4, 8, 9}
    assert found[1]["parts"][0]["estimate"] == pytest.approx(0.075, abs=0.01)
    assert found[2]["parts"][0]["n"] == 6


def test_opposite_effects_are_contradicted():
    got = verdicts(
        judge(
            Truth(
                strategy_gain={"margin": -0.02, "badge": -0.01, "coreset": 0.02},
                strategy_slope={"badge": -0.06},
                pool_gain={"typiclust": -0.05, "coreset": 0.03},
                pool_slope={"typiclust": -0.05},
                run_noise=0.002,
            )
        )
    )
    assert {number for number in (1, 2, 3, 6, 8, 9) if got[number] == "contradicted"} == {1, 2, 3, 6, 8, 9}


def test_a_strategy_that_is_best_everywhere_contradicts_claim_5_and_different_ones_support_it():
    best = verdicts(judge(Truth(strategy_gain={"badge": 0.05}, run_noise=0.002)))
    assert best[5] == "contradicted"
    mixed = verdicts(judge(Truth(site_noise=0.02, run_noise=0.002)))
    assert mixed[5] == "supported"


def test_a_steady_badge_beside_a_wild_margin_supports_claim_7_and_the_reverse_contradicts_it():
    steady = {"badge": 0.03, "coreset": 0.01}
    found = judge(Truth(strategy_gain=steady, strategy_slope={"margin": 0.03}, run_noise=0.001), datasets=6)
    assert found[7]["verdict"] == "supported"
    found = judge(
        Truth(strategy_gain={"margin": 0.03, "coreset": 0.01}, strategy_slope={"badge": 0.03}, run_noise=0.001),
        datasets=6,
    )
    assert found[7]["verdict"] == "contradicted"


def test_margin_best_on_some_dataset_and_spread_supports_claim_6():
    found = judge(
        Truth(strategy_gain={"badge": 0.012, "coreset": 0.006}, strategy_slope={"margin": 0.05}, run_noise=0.001),
        datasets=6,
    )
    _, spread = found[6]["parts"]
    assert spread["estimate"] > 0
    lead = {"margin": 0.03, "badge": 0.012, "coreset": 0.006}
    peak, _ = judge(Truth(strategy_gain=lead, run_noise=0.001), datasets=6)[6]["parts"]
    assert peak["p_for"] < 0.01
    assert "nofreelunch cost" in found[6]["caveat"]


def test_without_effects_the_verdict_is_undecided_at_the_stated_rate():
    decided = 0
    for number in range(15):
        got = verdicts(
            judge(Truth(name=f"null_{number}"), datasets=5, seeds=2, strategies=["random", "margin", "badge"])
        )
        decided += any(got[claim] in ("supported", "contradicted") for claim in ABOUT_EFFECTS - {9})
    # Claim 9 holds where nothing has an effect: the recipe is no worse than the others by a point.
    # Family-wise error 5 %: of 15 about one; four or more have probability 0.005.
    assert decided <= 3


def test_weaker_embedders_that_learn_faster_contradict_claim_4():
    found = judge(Truth(strategy_slope=dict.fromkeys(STRATEGIES, -0.6)), embedders=[*EMBEDDERS, "stella_1_5b"])
    assert found[4]["verdict"] == "contradicted"


def test_saturation_follows_its_threshold_and_cost_is_not_tested_without_a_machine():
    found = judge(Truth(strategy_gain=dict.fromkeys(STRATEGIES, 0.6)), datasets=10)
    assert found[12]["verdict"] == "supported"
    assert found[12]["parts"][0]["estimate"] == 0.5
    assert verdicts(judge(Truth(), datasets=10))[12] == "contradicted"
    assert (found[11]["verdict"], found[11]["parts"]) == (claims.UNTESTABLE, [])
    assert "nofreelunch cost" in found[11]["caveat"]


def test_a_pool_that_hurts_and_hurts_more_later_does_not_support_claim_3():
    # Gains of −2, then −6 points: initial minus late is above zero.
    hurts = Truth(strategy_gain=dict.fromkeys(STRATEGIES, 0.0), pool_gain={"typiclust": -0.06}, pool_decay=-12.0)
    found = judge(hurts)
    first, fading, _ = found[3]["parts"]
    assert first["estimate"] < 0 < fading["estimate"]
    assert found[3]["verdict"] == "contradicted"


def test_clones_of_margin_take_no_peak_from_it():
    lead = Truth(strategy_gain={"margin": 0.03, "badge": 0.012}, run_noise=0.001)
    names = ["random", "margin", "entropy", "badge"]
    frame, probes, *_ = synthetic_runs.make(["a", "b"], EMBEDDERS, ["random"], names, 3, lead, rounds=4)
    margin = frame.loc[frame["strategy"] == "margin", "accuracy"].to_numpy()
    frame.loc[frame["strategy"] == "entropy", "accuracy"] = margin
    cells = frame[["dataset", "embedder", "ips"]].drop_duplicates().astype(str)
    for clones, leads in ((NO_CLONES, False), (cells.assign(strategy="entropy", clone_of="margin"), True)):
        areas = run_areas(frame, probes)
        tables = {"aulc": areas, "pool_gains": pool_gains(areas), "strategy_gains": strategy_gains(areas)}
        tables |= {
            "ranks": ranks(areas, clones),
            "probes": probes.assign(mteb=np.nan),
            "peaks": peaks(frame, clones),
            "clones": clones,
        }
        peak = claims.judge(tables)[5]["parts"][0]
        assert (peak["estimate"] > 0.005) == leads


def test_what_the_grid_lacks_is_undecided_and_named():
    found = judge(
        Truth(), datasets=1, embedders=["lsa", "bow", "glove"], pools=["random"], strategies=["random", "entropy"]
    )
    got = verdicts(found)
    assert set(got.values()) == {claims.UNTESTABLE}
    assert {claim["smallest"] for claim in found.values()} == {1.0}
    assert "needs ips typiclust" in found[2]["caveat"]
    assert "needs strategy badge" in found[8]["caveat"]
    assert "only 3 embedder" in found[4]["caveat"]
    assert "MTEB" in found[10]["caveat"]


def test_four_embedders_and_four_tasks_say_what_they_cannot_test():
    found = judge(Truth(), datasets=4, embedders=EMBEDDERS[:4], seeds=2)
    # Of four embedders one order of 24 is the most extreme; of four tasks all may saturate by chance 1 in 16.
    assert found[8]["verdict"] == found[12]["verdict"] == claims.UNTESTABLE
    assert found[8]["smallest"] == pytest.approx(2 / 24)
    assert found[12]["smallest"] == 2 / 16
    assert found[9]["smallest"] == 0
    assert found[9]["family"] == sum(claim["verdict"] != claims.UNTESTABLE for claim in found.values())


def test_holm_runs_over_what_can_be_tested():
    found = judge(Truth(strategy_gain={"badge": 0.01}))
    p = np.array([claim["p"] for claim in found.values()])
    smallest = int(np.argmin(p)) + 1
    assert found[smallest]["p_holm"] == pytest.approx(min(1, found[smallest]["family"] * p.min()))
    assert all(claim["p_holm"] >= claim["p"] for claim in found.values())
