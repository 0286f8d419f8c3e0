"""Where to compute, and in which precision."""

import ctypes
import os
import random
import sys
import time
from functools import cache

import torch

PROGRAMS_KEPT = 4096  # about 280 KB each
MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # how <malloc.h> numbers these settings
MOST_KEPT = 32 * 2**20  # bytes: what is larger goes back as before; glibc takes no higher number


def pick_device(name: str | None = None) -> torch.device:
    """The named device; without a name an NVIDIA GPU, else Apple's (mps), else the CPU.

    Whatever it is, the CPU is prepared too, see `prepare_cpu`.

    Raises:
        ValueError: if the named device is not there, with those that are.
    """
    prepare_cpu()
    found = [
        kind
        for kind, there in (
            ("cuda", torch.cuda.is_available()),
            ("mps", torch.backends.mps.is_available()),
            ("cpu", True),
        )
        if there
    ]
    if name is None or name == "auto":
        return torch.device(found[0])
    kind, colon, number = name.partition(":")
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if kind not in found or (colon and not (number.isdecimal() and int(number) < count)):
        several = f" (cuda:0 to cuda:{count - 1})" if kind == "cuda" and count > 1 else ""
        raise ValueError(f"there is no device {name!r} on this machine; found: {', '.join(found)}{several}")
    return torch.device(name)


@cache
def prepare_cpu() -> None:
    """Tells two libraries under torch what suits training: a third, or more, of a CPU's time can depend on it.

    oneDNN writes a program for each shape of a product and forgets all but the newest 1,024, fewer than batches of many
    lengths need; it reads this number at its first product. glibc hands tensors of some megabytes back to the system,
    which gives them again page by page, cleared, at the next step. What the user has set stays.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(PROGRAMS_KEPT))
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, MOST_KEPT)
        mallopt(TRIM_THRESHOLD, 2**31 - 1)


def pick_precision(device: torch.device, name: str = "auto") -> torch.dtype:
    """The number format of the matrix products: "fp32", "bf16", or "auto" for the one this device does faster.

    GPUs with bfloat16 units say so. A CPU does not, so a matrix product is timed once: with AVX-512-BF16 or AMX
    it is about twice as fast in bfloat16, without them a hundred times slower. The threshold lies far from both, so
    that the answer, and with it the result of a seed, does not change from run to run.
    """
    formats = {"fp32": torch.float32, "bf16": torch.bfloat16}
    if name in formats:
        return formats[name]
    if name != "auto":
        raise ValueError(f"unknown precision {name!r}: choose 'auto', 'fp32' or 'bf16'")
    if device.type == "cuda":
        fast = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        fast = device.type == "cpu" and bf16_speedup() > 1.2
    return torch.bfloat16 if fast else torch.float32


@cache
def bf16_speedup(size: int = 256) -> float:
    """How many times faster the CPU multiplies two size x size matrices in bfloat16 than in float32."""
    formats = (torch.float32, torch.bfloat16)
    best = dict.fromkeys(formats, float("inf"))
    end = time.perf_counter() + 0.1
    # In turns and ten times, so that another program on the machine does not decide; less often where it is slow.
    for attempt in range(10):
        for dtype in formats:
            best[dtype] = min(best[dtype], _matmul_seconds(dtype, size))
        if attempt >= 2 and time.perf_counter() > end:
            break
    return best[torch.float32] / best[torch.bfloat16]


def _matmul_seconds(dtype: torch.dtype, size: int) -> float:
    a = torch.ones(size, size, dtype=dtype)
    start = time.perf_counter()
    a @ a
    return time.perf_counter() - start


def seed_everything(seed: int) -> None:
    """One seed, one result: Python's and torch's generators, on all devices."""
    random.seed(seed)
    torch.manual_seed(seed)


def require_compiler() -> None:
    """Raises FileNotFoundError if there is no C++ compiler, which torch needs to compile a model."""
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler as error:
        raise FileNotFoundError(
            "to compile a model torch needs a C++ compiler, and found none: install g++ or clang (on Windows the build "
            "tools of Visual Studio), or go on without compiling, the same more slowly"
        ) from error
