"""What all tests share: no network, no window, one seed; markers skip what this machine cannot do."""

import os
import sys
from collections.abc import Callable
from types import SimpleNamespace

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", MPLBACKEND="Agg")  # before any import
os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that tests start

import pytest
import torch

# Tiny tensors gain nothing from threads, which on a busy machine wait long for each other.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _same_seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def minigen(monkeypatch, capsys) -> Callable[..., SimpleNamespace]:
    """Calls `main` as the shell would: minigen("generate", folder) gives code, out and err."""

    from minigen.cli import main

    def call(*arguments: object) -> SimpleNamespace:
        monkeypatch.setattr(sys, "argv", ["minigen", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return SimpleNamespace(code=ended.value.code or 0, out=out, err=err)

    return call


def data_is_here(name: str = "shakespeare") -> bool:
    """Whether the data of this name has been fetched."""
    from minigen.doctor import check_data

    return check_data(name).status == "ok"


def data_of(item: pytest.Item) -> set[str]:
    """The names of the data that a test is marked to need: needs_data("software"), or without a name the plays."""
    marks = item.iter_markers("needs_data")
    return {name for mark in marks for name in mark.args or ["shakespeare"]}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests marked gpu without a CUDA device, and needs_data while that data is not there."""
    missing = {name for name in set().union(*map(data_of, items)) if not data_is_here(name)}
    for item in items:
        for name in sorted(data_of(item) & missing):
            item.add_marker(pytest.mark.skip(reason=f"first: minigen data fetch {name}"))
        if item.get_closest_marker("gpu") and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="there is no CUDA device"))
