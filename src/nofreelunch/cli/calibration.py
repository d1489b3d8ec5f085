"""How fast this machine multiplies matrices: the yardstick of the cost estimate."""

import time
from importlib import metadata

import numpy as np


def cpu_flops(seconds: float = 1.0) -> float:
    """Float32 operations per second of a matrix product of the shape of a transformer's layer, as NumPy runs it."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((512, 768), dtype=np.float32)
    b = rng.standard_normal((768, 3072), dtype=np.float32)
    a @ b
    operations, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        a @ b
        operations += 2 * 512 * 768 * 3072
    return operations / spent


def gpu_flops(seconds: float = 1.0) -> tuple[str, float] | None:
    """Name of the first GPU and its bfloat16 operations per second; None without one."""
    if metadata.version("torch").endswith("+cpu"):
        return None
    import torch

    if not torch.cuda.is_available():
        return None
    a = torch.randn(8192, 4096, device="cuda", dtype=torch.bfloat16)
    b = torch.randn(4096, 14336, device="cuda", dtype=torch.bfloat16)
    a @ b
    torch.cuda.synchronize()
    operations, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        a @ b
        torch.cuda.synchronize()
        operations += 2 * 8192 * 4096 * 14336
    return torch.cuda.get_device_name(0), operations / spent
