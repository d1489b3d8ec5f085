"""Encoding speed against SentenceTransformer.encode on the same mixed-length texts, as ratios, in one process.

Run with ``python benchmarks/encode.py [--texts 750] [--repeats 3] [--device cpu]
[--threads 1] [--embedder mpnet] [--task ag_news]``. No text occurs twice, so that
nothing is gained by encoding identical texts once. The two take turns; the best time of each counts. What a GPU gains
from texts that are prepared ahead is not in it: see benchmarks/device.py.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from nofreelunch import params
from nofreelunch.base.randomness import generator
from nofreelunch.base.storage import Memo
from nofreelunch.embedders.adapter import Hardware, resolve_dtype
from nofreelunch.embedders.encoding import chunks
from nofreelunch.embedders.gpu_model import GpuModel
from nofreelunch.embedders.model_embedder import ModelEmbedder
from nofreelunch.embedders.model_files import locate
from nofreelunch.embedders.sentence_model import SentenceModel
from nofreelunch.tasks.table import read_split

WORDS = """
the of and to in is that for it with on as was at by this from they have not are or an be which one had but
what all were when we there can your said use each how their will up other about out many then them these so
some would make like him into time has look two more write go see number no way could people my than first
water been call who oil its now find long down day did get come made may part account transfer balance engine
""".split()  # noqa: SIM905


def mixed_texts(count: int) -> list[str]:
    """Distinct texts of 4 to 300 words, most of them short, like those of the ten tasks."""
    rng = generator("benchmark", "encode")
    lengths = np.clip(rng.lognormal(3.3, 0.9, count).astype(int), 4, 300)
    return [" ".join([f"{i}", *rng.choice(WORDS, length)]) for i, length in enumerate(lengths)]


def timed(work: Callable[[], npt.NDArray[np.float32]]) -> tuple[float, float, npt.NDArray[np.float32]]:
    """Wall seconds, CPU seconds and the result of ``work``."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def main() -> None:
    """Print a table of both and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=750)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--embedder", default="minilm", help="an entry of params.yaml")
    parser.add_argument("--task", help="a task whose texts to take, instead of made-up ones of mixed lengths")
    parser.add_argument("--threads", type=int, help="that torch may use; all cores without it")
    arguments = parser.parse_args()

    import torch
    from sentence_transformers import SentenceTransformer

    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)

    spec = params.load().embedders[arguments.embedder].transformer
    if spec is None:
        raise SystemExit(f"{arguments.embedder} is no transformer")
    folder, texts = locate(spec).folder, mixed_texts(arguments.texts)
    if arguments.task is not None:
        texts = list(dict.fromkeys(read_split(arguments.task, "train").text))[: arguments.texts]
    dtype = resolve_dtype(spec.dtype, arguments.device)
    settings = ModelEmbedder(spec, Memo.default()).settings(Hardware(arguments.device, dtype))
    made = SentenceModel if arguments.device == "cpu" else GpuModel
    ours = made(folder, settings, arguments.device)
    peer = SentenceTransformer(str(folder), device=arguments.device, model_kwargs={"dtype": dtype})
    peer.max_seq_length = spec.max_tokens

    def encode_ours() -> npt.NDArray[np.float32]:
        vectors = np.empty((len(texts), peer.get_embedding_dimension() or 0), np.float32)
        for part in chunks(texts, arguments.device.partition(":")[0]):
            vectors[part] = ours.encode([texts[i] for i in part], "")[0]
        return vectors

    def encode_peer() -> npt.NDArray[np.float32]:
        return peer.encode(texts).astype(np.float32)

    encode_ours(), encode_peer()
    mine, theirs = [], []
    for _ in range(arguments.repeats):
        theirs.append(timed(encode_peer))
        mine.append(timed(encode_ours))
    a, b = mine[0][2], theirs[0][2]
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    print(f"{len(texts)} texts on {arguments.device}, {dtype}, best of {arguments.repeats}")
    print(f"{'':28}{'wall s':>8}{'CPU s':>8}{'texts/s':>9}")
    for name, runs in (("SentenceTransformer.encode", theirs), ("nofreelunch", mine)):
        wall, cpu = min(run[0] for run in runs), min(run[1] for run in runs)
        print(f"{name:28}{wall:8.2f}{cpu:8.2f}{len(texts) / wall:9.0f}")
    for i, unit in enumerate(("wall", "CPU")):
        print(f"ratio, {unit}: {min(run[i] for run in theirs) / min(run[i] for run in mine):.2f}×")
    print(f"smallest cosine: {cosine.min():.7f}")


if __name__ == "__main__":
    main()
