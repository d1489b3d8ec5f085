"""Estimate what 'dvc repro' will cost: stages, texts, hours and disk. Nothing is run but a calibration of seconds."""

import argparse
import json
import math
import subprocess
import sys

from nofreelunch import params
from nofreelunch.base.errors import UserError
from nofreelunch.base.prices import CORE_HOUR, GPU_HOUR
from nofreelunch.cells import outside_files
from nofreelunch.cli.calibration import cpu_flops, gpu_flops
from nofreelunch.cli.check import changed_files, describe, wheels_to_come
from nofreelunch.cli.estimate import (
    CPU_SHARE,
    GPU_SHARES,
    PLAIN_RATE,
    Embedding,
    Fleet,
    downstream,
    embedding,
    learning_seconds,
    run_bytes,
    start_seconds,
    task_size,
    text_bytes,
    weight_bytes,
)
from nofreelunch.cli.text_table import text_table
from nofreelunch.embedders import own_files
from nofreelunch.embedders.model_files import ALLOW_REMOTE_CODE
from nofreelunch.tasks.files import unwatch_lost

# Dense bfloat16 operations per second of large matrix products, measured on one card; for a plan without a GPU at hand.
H200 = 7.9e14
PRICES = {"gpu": GPU_HOUR, "core": CORE_HOUR}
FLEETS = (Fleet(1, 16), Fleet(8, 16), Fleet(8, 100))


def _fleet(text: str) -> Fleet:
    gpus, _, cores = text.partition("x")
    if not (gpus.isdecimal() and cores.isdecimal() and int(cores)):
        raise argparse.ArgumentTypeError(f"'{text}' is not GPUSxCORES with at least one core, as 1x16 or 0x8")
    return Fleet(int(gpus), int(cores))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whether to ask DVC; sizes, machines and prices."""
    parser.add_argument("--all", action="store_true", help="the whole grid, as if nothing had been computed yet")
    parser.add_argument("--official", action="store_true", help="known tasks at their official sizes, without caps")
    parser.add_argument(
        "--fleet",
        action="append",
        type=_fleet,
        metavar="GPUSxCORES",
        help="machines to price, as 1x16; may be repeated (default: 1x16, 8x16 and 8x100)",
    )
    for name, price in PRICES.items():
        parser.add_argument(f"--{name}-price", type=float, default=price, help=f"of a {name} for an hour ({price})")


def run(arguments: argparse.Namespace) -> None:
    """Print the plan."""
    outside_files.unwatch_lost()
    loaded = params.load()
    grid = loaded.grid
    if arguments.all:
        changed = {f"download@{name}" for name in grid.datasets}
    else:
        unwatch_lost(grid.datasets)
        own_files.watch_again(loaded.grid_embedders, grid.datasets)
        changed = _changed_stages() | set(changed_files(loaded))
    stages = downstream(changed, grid.datasets, grid.embedders)
    print(f"the grid: {describe(loaded)}")
    print(f"stages to run, at most: {stages}")
    if not stages.plot:
        return
    cpu, gpu = cpu_flops(), gpu_flops()
    name, rate = gpu or ("one H200", H200)
    sizes = {dataset: task_size(loaded, dataset, official=arguments.official) for dataset in grid.datasets}
    rows = {}
    for embedder in grid.embedders:
        costs = [embedding(loaded, d, e, sizes[d]) for d, e in stages.embed if e == embedder]
        if costs:
            weights = weight_bytes(embedder, loaded.embedders[embedder])
            rows[embedder] = _numbers(costs, _cpu_hours(costs, cpu), _gpu_hours(costs, rate), weights)
    if rows:
        header = ["embedder", "texts", "M tokens", "CPU h", f"GPU h ({name})", "vectors GB", "weights GB"]
        total = [math.fsum(x for x in column if not math.isnan(x)) for column in zip(*rows.values(), strict=True)]
        shown = [*rows.items(), ("in all", total)]
        print("\n" + text_table(header, [[embedder, *_shown(numbers)] for embedder, numbers in shown]) + "\n")
    embedding_cpu, embedding_gpu, vectors = (
        sum(row[i] for row in rows.values() if row[i] == row[i]) for i in (2, 3, 4)
    )
    starts = sum(start_seconds(loaded, d, e, sizes[d]) for d, e in stages.initialize) / 3600
    learning = sum(learning_seconds(loaded, d, e, sizes[d]) for d, e in stages.active_learn) / 3600
    print(
        text_table(
            ["stage", "GPU h", "or, without one, core h", "core h", "disk GB"],
            [
                ["download", "", "", "", f"{sum(text_bytes(sizes[d]) for d in stages.download) / 1e9:,.2f}"],
                ["embed", f"{embedding_gpu:,.2f}", f"{embedding_cpu:,.2f}", "", f"{vectors:,.2f}"],
                ["initialize", "", "", f"{starts:,.2f}", ""],
                ["active_learn", "", "", f"{learning:,.2f}",
                 f"{sum(run_bytes(loaded, d) for d, _ in stages.active_learn) / 1e9:,.2f}"],
            ],
        )
    )  # fmt: skip
    prices = arguments.gpu_price, arguments.core_price
    print()
    print(
        text_table(
            ["GPUs", "cores", "h to embed", "h for the rest", "$, each while needed", "$, all to the end"],
            [
                [
                    str(f.gpus),
                    str(f.cores),
                    *_priced(f, f.hours(embedding_gpu, embedding_cpu, starts + learning), prices),
                ]
                for f in arguments.fleet or FLEETS
            ],
        )
        + "\n"
    )
    counted, sized = all(size.measured for size in sizes.values()), not any(math.isnan(row[2]) for row in rows.values())
    consent = [name for name in rows if loaded.embedders[name].about().remote_code]
    notes = _notes(cpu, gpu, counted, sized, consent, prices)
    print("\n".join([*notes, *wheels_to_come(loaded, rows)]))


def _priced(fleet: Fleet, hours: tuple[float, float], prices: tuple[float, float]) -> list[str]:
    """Hours of both parts; the price where GPUs are given back after embedding and cores come then, or all stay."""
    embed, rest = hours
    gpus, cores = fleet.gpus * prices[0], fleet.cores * prices[1]
    apart = embed * (gpus or cores) + rest * cores
    return [f"{embed:,.2f}", f"{rest:,.2f}", f"{apart:,.2f}", f"{(embed + rest) * (gpus + cores):,.2f}"]


def _changed_stages() -> set[str]:
    """Names of the stages that DVC finds changed.

    Raises:
        UserError: DVC cannot tell.
    """
    command = [sys.executable, "-m", "dvc", "status", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    try:
        found = json.loads(done.stdout)
    except ValueError as error:
        raise UserError(
            f"'dvc status' failed: {done.stderr.strip()}\nMend that, or plan the whole grid with --all."
        ) from error
    return set(found)


def _cpu_hours(costs: list[Embedding], flops: float) -> float:
    return sum(_seconds(cost, cost.cpu_rate, flops * CPU_SHARE) or cost.texts / PLAIN_RATE for cost in costs) / 3600


def _gpu_hours(costs: list[Embedding], flops: float) -> float:
    return sum(_seconds(cost, cost.gpu_rate, flops * cost.gpu_share) for cost in costs) / 3600


def _seconds(cost: Embedding, rate: float | None, flops: float) -> float:
    return cost.operations / flops if rate is None else cost.texts / rate


def _numbers(costs: list[Embedding], cpu_hours: float, gpu_hours: float, weights: int) -> list[float]:
    texts, tokens = sum(cost.texts for cost in costs), sum(cost.tokens for cost in costs) / 1e6
    return [texts, tokens, cpu_hours, gpu_hours, sum(cost.disk for cost in costs) / 1e9, weights / 1e9]


def _shown(numbers: list[float]) -> list[str]:
    return [f"{numbers[0]:,.0f}", *("?" if math.isnan(number) else f"{number:,.2f}" for number in numbers[1:])]


def _notes(
    cpu: float,
    gpu: tuple[str, float] | None,
    counted: bool,
    sized: bool,
    consent: list[str],
    prices: tuple[float, float],
) -> list[str]:
    """What of the plan is measured and what is not, and what must be allowed beforehand."""
    notes = [f"measured now: {cpu / 1e9:,.0f} GFLOP/s in float32 matrix products on this CPU"]
    if gpu is not None:
        notes.append(f"measured now: {gpu[1] / 1e12:,.0f} TFLOP/s in bfloat16 on {gpu[0]}")
    else:
        notes.append(f"measured elsewhere: {H200 / 1e12:,.0f} TFLOP/s in bfloat16 on one NVIDIA H200; here is no GPU")
    notes.append(
        f"assumed: ${prices[0]:g} for an hour of a GPU and ${prices[1]:g} for one of a core; work spreads without "
        "loss, and DVC's own time, figures and transfers are left out"
    )
    least, *_, most = GPU_SHARES.values()
    notes.append(
        f"measured on that H200: encoding reaches {100 * least:.1f} % of such products with MiniLM, "
        f"{100 * most:.0f} % with 7 billion weights, between them by size; that was before "
        "texts were prepared ahead, which is not measured"
    )
    notes.append(
        f"assumed: encoding reaches {100 * CPU_SHARE:.0f} % of that on a CPU; the rate of an earlier run of the cell "
        "goes before all this. A query of AL costs in proportion to rows × dimensions (BAIT: up to their square), a "
        "fit to dimensions"
    )
    if not counted:
        notes.append("not counted yet: rows and tokens of tasks that are not downloaded are those of the registry")
    if not sized:
        notes.append("not estimated (?): the size of a model that is not registered")
    notes.append("not subtracted: equal texts, and chunks and runs that the memo in .cache still holds")
    if consent:
        notes.append(f"needs {ALLOW_REMOTE_CODE}=1, for code from the repositories of: {', '.join(consent)}")
    return notes
