"""What a run leaves on disk, and that nothing is lost when the disk is full."""

import shutil
import tempfile
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from minigen.files import make_folder, write_atomically
from minigen.training.checkpoints import load_best, load_checkpoint, read_state, save_checkpoint, save_model
from minigen.training.history import History


class Store:
    """Best and last weights of a run, in `folder` if there is one; the best also in memory.

    Raises:
        OSError: if the folder cannot be made or written to, before any work is done.
    """

    def __init__(self, folder: Path | None, model: nn.Module, optimizers: list[Optimizer]):
        self.folder, self.model, self.optimizers = folder, model, optimizers
        self.best: dict[str, Tensor] | None = None
        self.saved = False  # whether the folder holds a checkpoint of this run, not only one of an earlier one
        if folder:
            make_folder(folder)
            write_atomically(folder / ".writable", b"")
            (folder / ".writable").unlink()
            for half in folder.glob(".*.safetensors.*.tmp"):  # of a session that was killed while it wrote
                half.unlink(missing_ok=True)

    def keep_best(self) -> None:
        """The weights as they are now are the best so far."""
        self.best = {name: p.detach().clone() for name, p in self.model.named_parameters()}

    def save(self, state: dict, history: History) -> None:
        """Last checkpoint, best weights and history. A full disk is no reason to stop: it is tried again later."""
        if not self.folder:
            return
        try:
            self._write(self.folder, state, history)
        except OSError as error:
            warnings.warn(f"{error.strerror}; training goes on and tries again at the next evaluation", stacklevel=2)

    def finish(self, state: dict, history: History) -> None:
        """Saves for the last time, and gives the model its best weights.

        A run that was never measured after its first step has no best weights: the model keeps its last ones.
        """
        try:
            if self.folder:
                self._write(self.folder, state, history)
        except OSError as error:
            raise OSError(error.errno, f"{error.strerror}; {self._rescue(state, history)}") from error
        finally:
            if history.measured:
                self.restore_best()

    def read_state(self) -> dict:
        """The state of the run in the folder; changes nothing."""
        if not self.folder:
            raise ValueError("resume needs the folder of the earlier run: pass it as `out`")
        last = self.folder / "last.safetensors"
        if not last.is_file():
            raise FileNotFoundError(f"{self.folder} holds no run to resume (no last.safetensors): start without resume")
        return read_state(last)

    def load(self, best_step: int | None) -> None:
        """Model, optimisers and random state become what was saved, and so do the best weights if there are any."""
        last = self.folder / "last.safetensors"
        if best_step is not None and best_step != read_state(last)["step"]:
            load_best(last, self.model)
            self.keep_best()
        state = load_checkpoint(last, self.model, self.optimizers)
        if best_step == state["step"]:
            self.keep_best()
        self.saved = True

    def place(self) -> str:
        """Where the last good checkpoint is, as a sentence."""
        if self.saved:
            return f"The last good checkpoint is in {self.folder}."
        return "Nothing was saved yet."

    def _write(self, folder: Path, state: dict, history: History) -> None:
        # last.safetensors is whole by itself and comes first: wherever the power fails, it is what a resumed run
        # goes on from, and the other files are at most as new.
        others = self.best if history.best_step != state["step"] else None
        save_checkpoint(folder / "last.safetensors", self.model, self.optimizers, state, others)
        # The weights before the first step may be the best so far, but they are no result of training.
        save_model(self.model, folder / "model.safetensors", self.best if history.measured else None)
        write_atomically(folder / "history.jsonl", history.to_jsonl())
        self.saved = self.saved or folder == self.folder

    def _rescue(self, state: dict, history: History) -> str:
        """Where all that the run has is now: in a temporary folder, if it can be saved there; the end of a sentence."""
        rescue = None
        try:
            rescue = Path(tempfile.mkdtemp(prefix="minigen-rescue-"))
            self._write(rescue, state, history)
            for path in self.folder.glob("*.json"):
                shutil.copy(path, rescue)
        except OSError:
            if rescue:
                shutil.rmtree(rescue, ignore_errors=True)
            return f"nor could the newest weights be saved in the temporary folder. {self.place()}"
        return f"the trained weights are safe in {rescue}"

    @torch.no_grad()
    def restore_best(self) -> None:
        """Gives the model the best weights, if any were kept."""
        for name, parameter in self.model.named_parameters():
            if self.best:
                parameter.copy_(self.best[name])
