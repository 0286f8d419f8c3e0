"""Labels that are numbers with names: the names are what is learned, from the hub as from a copy of its files."""

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from minigen.data import load

NAMES = ["bad", "good", "so so"]


def write_split(folder, split: str, labels: list[int]) -> None:
    """A parquet file as the hub has it, with texts that are all different."""
    features = Features({"text": Value("string"), "label": ClassLabel(names=NAMES), "id": Value("int64")})
    rows = {"text": [f"{split} {n}" for n in range(len(labels))], "label": labels, "id": list(range(len(labels)))}
    path = folder / f"{split}-00000-of-00001.parquet"
    Dataset.from_dict(rows, features=features).to_parquet(path)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A folder laid out as a dataset on the hub is, where `owner/name` finds it; no network, an own cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "owner/name").mkdir(parents=True)
    return tmp_path / "owner/name"


def test_names_come_from_the_hub_and_from_a_copy_of_its_files(hub):
    write_split(hub, "train", [0, 1, 2, 1] * 5)
    write_split(hub, "test", [2, 0, 1])
    online, offline = load("hub:owner/name"), load(hub)
    for splits in (online, offline):
        assert splits["test"]["label"][:] == ["so so", "bad", "good"]
        assert set(splits["train"]["label"]) == set(NAMES)
        assert splits["train"].column_names == ["text", "label"]
    assert sorted(online["train"]["text"]) == sorted(offline["train"]["text"])
    assert load(hub / "test-00000-of-00001.parquet")["train"]["label"][0] in NAMES


def test_a_split_whose_labels_are_hidden_is_cut_from_train_instead(hub):
    write_split(hub, "train", [0, 1] * 20)
    write_split(hub, "test", [-1] * 5)
    splits = load("hub:owner/name")
    assert {name: len(table) for name, table in splits.items()} == {"train": 32, "validation": 4, "test": 4}
    assert all(text.startswith("train") for text in splits["test"]["text"])
    with pytest.raises(ValueError, match="row 1 has the label None"):
        load(hub)


def test_where_all_labels_are_hidden_there_is_nothing_to_learn(hub):
    write_split(hub, "train", [-1] * 5)
    with pytest.raises(ValueError, match=r"labels of split train are hidden \(-1\)"):
        load("hub:owner/name")
