"""Writing, compiled: a GPT's reading of one more token as a C++ program that holds the weights."""

import io
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from minigen.device import require_compiler
from minigen.layers import KVCache

if TYPE_CHECKING:
    from minigen.models.gpt import GPT

OPTIONS = {
    "freezing": True,  # weights are laid out once as the processor reads them fastest, not anew at each product
    "max_autotune": True,  # each product is tried in torch's C++ and in oneDNN, and the faster one taken
    "max_autotune_gemm_backends": "CPP,ATEN",
}
SEVERAL = 16  # the number of texts that a program for several is tuned for; it reads any number above one
Program = Callable[[Tensor, list[Tensor], list[Tensor], Tensor], Tensor]
# For each model the weights that its programs hold, and the programs: of one text, of several.
_PROGRAMS: WeakKeyDictionary[nn.Module, tuple[list, dict[bool, Program]]] = WeakKeyDictionary()


def compiled_read(model: "GPT") -> Callable[[Tensor, KVCache], Tensor]:
    """`model._read` in evaluation mode, where single new tokens are read by a compiled program.

    There is one program for a single text, and one for several. Each is compiled when it is first needed, which takes
    about a minute, and once more after the weights have changed. Prompts, and the first and the last places
    of a context, whose sizes a program would have to treat as cases of their own, are read by the model itself.
    All this is for CPUs; elsewhere it is plain torch.compile.

    Raises:
        FileNotFoundError: if there is no C++ compiler. RuntimeError, by the function: if it cannot be compiled.
    """
    require_compiler()
    if model.embedding.weight.device.type != "cpu":
        return torch.compile(model._read, dynamic=True)
    weights = [(p.data_ptr(), 0 if p.is_inference() else p._version, p.dtype) for p in model.parameters()]
    if model not in _PROGRAMS or _PROGRAMS[model][0] != weights:
        _PROGRAMS[model] = weights, {}
    programs = _PROGRAMS[model][1]
    places = torch.zeros(model.config.context_length)

    def read(new: Tensor, cache: KVCache) -> Tensor:
        before, several = cache.length, new.shape[0] > 1
        if new.shape[1] > 1 or not 2 <= before <= cache.capacity - 2 or cache.capacity == 4:  # of one size: no range
            return model._read(new, cache)
        if several not in programs:
            programs[several] = _compile(model, several)
        keys, values = [layer.keys for layer in cache.layers], [layer.values for layer in cache.layers]
        logits = programs[several](new.long(), keys, values, places[:before])
        for layer in cache.layers:
            layer.length = before + 1
        return logits

    return read


class _OneMoreToken(nn.Module):
    """What is exported: `model._read` of one token a row, with the cache as plain tensors, which are written to."""

    def __init__(self, model: "GPT"):
        super().__init__()
        self.model = model

    def forward(self, new: Tensor, keys: list[Tensor], values: list[Tensor], places: Tensor) -> Tensor:
        """new (B, 1), keys and values (B, H, capacity, Dh) of each layer, places (S,) -> logits (B, V).

        S tokens have been read before. Nothing is read of places but its size: in such a program only sizes vary.
        """
        cache = self.model.new_cache(1)
        for layer, k, v in zip(cache.layers, keys, values, strict=True):
            layer.keys, layer.values, layer.length = k, v, places.shape[0]
        return self.model._read(new, cache)


@torch.inference_mode(False)
@torch.no_grad()
def _compile(model: "GPT", several: bool) -> Program:
    from torch._inductor import aoti_compile_and_package, aoti_load_package
    from torch._inductor.utils import fresh_cache
    from torch.export import Dim, export

    cache = model.new_cache(SEVERAL if several else 1)
    keys, values = [layer.keys for layer in cache.layers], [layer.values for layer in cache.layers]
    new, places = torch.zeros(keys[0].shape[0], 1, dtype=torch.long), torch.zeros(2)
    rows = {0: Dim.DYNAMIC} if several else {}
    sizes = (rows, [rows] * len(keys), [rows] * len(keys), {0: Dim("places", min=2, max=cache.capacity - 2)})
    was_training = model.training
    # A cache of its own: in torch's, what was linked would stay, with a copy of the weights in it.
    with _telling(), tempfile.TemporaryDirectory() as folder, fresh_cache(dir=folder):
        path = str(Path(folder, "read.pt2"))
        try:
            exported = export(_OneMoreToken(model.eval()), (new, keys, values, places), dynamic_shapes=sizes)
            return aoti_load_package(aoti_compile_and_package(exported, package_path=path, inductor_configs=OPTIONS))
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            advice = "write without compiled=True, the same more slowly"
            raise RuntimeError(f"this model cannot be compiled here ({reason}): {advice}") from error
        finally:
            model.train(was_training)


@contextmanager
def _telling() -> Iterator[None]:
    """Says what the wait is for, in place of the pages that torch's tuning writes."""
    line = tqdm(desc="compiling: about a minute, once for a model", bar_format="{desc}", leave=False)
    with line, warnings.catch_warnings(action="ignore"), redirect_stderr(io.StringIO()):
        yield
