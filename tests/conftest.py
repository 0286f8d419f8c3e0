"""What all tests share: no network, no window, one seed; markers skip what this machine cannot do."""

import os

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", MPLBACKEND="Agg")  # before any import

import pytest
import torch

# Tiny tensors gain nothing from threads, which on a busy machine wait long for each other.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _same_seed() -> None:
    torch.manual_seed(0)


def data_is_here() -> bool:
    """Whether the default text has been fetched."""
    from minigen.doctor import check_data

    return check_data().status == "ok"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests marked gpu without a CUDA device, and needs_data while the text is not there."""
    marked = {mark.name for item in items for mark in item.iter_markers()}
    lacking = {}
    if "gpu" in marked and not torch.cuda.is_available():
        lacking["gpu"] = "there is no CUDA device"
    if "needs_data" in marked and not data_is_here():
        lacking["needs_data"] = "first: minigen data fetch shakespeare"
    for item in items:
        for mark, reason in lacking.items():
            if item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reason))
