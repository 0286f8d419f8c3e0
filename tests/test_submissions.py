"""Who handed in what: folders, flat files, what an LMS adds to names, and files that are no submission."""

import json
import os

import pytest

from grading_tools import RELEASE, cells, hand_in, notebook, solutions, solved_but
from minigen.grading.submissions import find_submissions, learner_name, read_answers, set_of, sets_in

NAME = RELEASE.stem


def found(folder):
    """The submissions by learner."""
    return {one.learner: one for one in find_submissions(folder, NAME, cells())}


def test_folders_and_flat_files_are_found_by_name(tmp_path):
    hand_in(tmp_path / "ada" / f"{NAME}.ipynb", solutions())
    hand_in(tmp_path / "bob" / "02" / "deep" / f"{NAME}.ipynb", solutions())
    hand_in(tmp_path / f"{NAME}_eve.ipynb", solutions())
    hand_in(tmp_path / ".hidden" / f"{NAME}.ipynb", solutions())
    assert set(found(tmp_path)) == {"ada", "bob", "eve"}
    assert found(tmp_path)["ada"].answers == solutions()
    assert sets_in(tmp_path)["02"] == 4


@pytest.mark.parametrize(
    "given, learner",
    [
        ("Ada Lovelace_4711_assignsubmission_file_", "Ada Lovelace_4711"),
        (f"lovelaceada_12_345_{NAME}-1", "lovelaceada_12_345"),
        (f"{NAME} (2)", f"{NAME} (2)"),
        ("Ådne", "Ådne"),
        (NAME, NAME),
    ],
)
def test_what_an_lms_adds_to_a_name_is_taken_off(given, learner):
    assert learner_name(given, NAME) == learner


def test_what_is_no_submission_gets_a_line_and_no_crash(tmp_path):
    (tmp_path / "broken.ipynb").write_text("{", encoding="utf-8")
    (tmp_path / "list.ipynb").write_text("[]", encoding="utf-8")
    (tmp_path / "bytes.ipynb").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "cells.ipynb").write_text('{"cells": [3]}', encoding="utf-8")
    (tmp_path / "paper.pdf").write_bytes(b"%PDF")
    (tmp_path / "packed.zip").write_bytes(b"PK")
    (tmp_path / "empty").mkdir()
    (tmp_path / "other.ipynb").write_text(json.dumps({"cells": []}), encoding="utf-8")
    (tmp_path / "deep.ipynb").write_text("[" * 100_000, encoding="utf-8")
    (tmp_path / "folder.ipynb").mkdir()
    problems = {name: one.problem for name, one in found(tmp_path).items()}
    assert all(problems.values())
    assert "unpack" in problems["packed"]
    assert "not a notebook" in problems["broken"]


def test_a_notebook_of_another_set_is_named(tmp_path):
    text = json.dumps(notebook(solutions())).replace('"grade_id": "02', '"grade_id": "03')
    (tmp_path / "ada.ipynb").write_text(text, encoding="utf-8")
    assert "set 03" in found(tmp_path)["ada"].problem


def test_the_notebook_that_was_saved_last_counts(tmp_path):
    old = hand_in(tmp_path / "ada" / "old.ipynb", {})
    hand_in(tmp_path / "ada" / "new.ipynb", solutions())
    os.utime(old, (1, 1))
    assert found(tmp_path)["ada"].answers == solutions()
    assert "2 notebooks" in found(tmp_path)["ada"].notes[0]


def test_equal_names_are_told_apart(tmp_path):
    hand_in(tmp_path / "ada" / f"{NAME}.ipynb", solutions())
    hand_in(tmp_path / "Ada.ipynb", {})
    names = list(found(tmp_path))
    assert len(names) == 2
    assert any(name.endswith("(2)") for name in names)


def test_only_answers_are_taken_and_copies_are_noted(tmp_path):
    made = notebook(solved_but(softmax="first = 1"))
    for cell in list(made["cells"]):
        grading = cell["metadata"].get("nbgrader", {})
        if grading.get("grade_id") == "02-softmax-solution":
            made["cells"].append({**cell, "source": "second = 2"})
        if grading.get("locked"):
            cell["source"] = "raise SystemExit"
    path = tmp_path / "ada.ipynb"
    path.write_text(json.dumps(made), encoding="utf-8")
    answers, notes = read_answers(path, cells())
    assert answers["02-softmax-solution"] == "second = 2"
    assert "the last one counts" in notes[0]
    assert not any("SystemExit" in source for source in answers.values())


def test_cells_that_lost_their_metadata_are_found_by_what_they_define(tmp_path):
    made = notebook(solutions())
    made["cells"] = [{**cell, "metadata": {}} for cell in made["cells"]]
    path = tmp_path / "ada.ipynb"
    path.write_text(json.dumps(made), encoding="utf-8")
    answers, notes = read_answers(path, cells())
    assert answers["02-softmax-solution"] == solutions()["02-softmax-solution"]
    assert "lost its metadata" in notes[0]
    assert set_of(path) == ""


def test_an_empty_or_missing_folder_says_what_was_expected(tmp_path):
    with pytest.raises(ValueError, match="nothing in"):
        find_submissions(tmp_path, NAME, cells())
    with pytest.raises(ValueError, match="no folder"):
        find_submissions(tmp_path / "none", NAME, cells())
