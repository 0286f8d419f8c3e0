"""`minigen check`: what it prints, and the status that scripts and editors read."""

import json
import shutil

import pytest

import exercises as tool
from minigen.checks.launch import Result
from minigen.cli import exercises as command

NAME = tool.path_of("02").stem


def result(status: str, key: str = "") -> Result:
    """A result of one task."""
    return Result("02.softmax", "A title", "function", 1, "core", 5, 2, status, key, "what is wrong")


@pytest.fixture
def folder(tmp_path):
    """A folder of exercises with set 02, as a learner has it."""
    place = tmp_path / "exercises" / NAME
    place.mkdir(parents=True)
    shutil.copy(tool.path_of("02"), place)
    return tmp_path / "exercises"


@pytest.fixture
def verdicts(monkeypatch):
    """Sets what the notebooks' process says, in turn; an exception is raised."""

    def say(*turns):
        left = list(turns)

        def answer(*_, **__):
            turn = left.pop(0)
            if isinstance(turn, BaseException):
                raise turn
            return turn() if callable(turn) else turn

        monkeypatch.setattr(command, "check_notebook", answer)

    return say


@pytest.mark.parametrize(
    "found, code", [(result("done"), 0), (result("todo", "todo"), 1), (result("wrong", "error"), 1)]
)
def test_the_status_says_whether_all_is_done(minigen, folder, verdicts, found, code):
    verdicts([found])
    assert minigen("check", "02", "--folder", folder).code == code


def test_what_cannot_be_checked_is_status_2_and_one_line(minigen, folder, verdicts):
    for arguments in (["77"], ["02", "--folder", folder / "none"], ["nonsense"]):
        answer = minigen("check", *arguments, *([] if "--folder" in arguments else ["--folder", folder]))
        assert answer.code == 2
        assert answer.err.count("\n") == 1
    verdicts(ValueError("no such task"))
    assert minigen("check", "02.none", "--folder", folder).code == 2
    verdicts(RuntimeError("could not begin"))
    assert minigen("check", "02", "--folder", folder).code == 2


def test_a_broken_notebook_is_status_2(minigen, folder):
    (folder / NAME / f"{NAME}.ipynb").write_text("{", encoding="utf-8")
    answer = minigen("check", "02", "--folder", folder)
    assert answer.code == 2
    assert "is not a notebook" in answer.err


def test_json_has_a_result_for_each_task(minigen, folder):
    answer = minigen("check", "02", "--folder", folder, "--json")
    results = json.loads(answer.out)
    assert answer.code == 0
    assert {one["status"] for one in results} == {"done"}
    assert results[0]["id"] == "02.softmax"


def test_watch_checks_again_when_the_file_changes_and_ends_with_ctrl_c(minigen, folder, verdicts):
    def saved_meanwhile():
        path = folder / NAME / f"{NAME}.ipynb"
        path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")
        return [result("wrong", "no-scale")]

    verdicts(saved_meanwhile, KeyboardInterrupt())
    answer = minigen("check", "02", "--watch", "--folder", folder)
    assert answer.code == 0
    assert answer.out.count("no-scale") == 1
    assert "watching" in answer.out
