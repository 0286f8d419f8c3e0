"""Every task of every set: right answers pass, wrong ones fail with their own key."""

import random
import re
import secrets
from pathlib import Path

import pytest

from minigen import checks
from minigen.checks.failure import CheckFailed
from minigen.checks.judge import judge
from minigen.checks.registry import set_names, tasks_of
from minigen.checks.task import Task

TASKS = [task for number in set_names() for task in tasks_of(number)]
JUDGED = [task for task in TASKS if isinstance(task, Task)]
MISTAKES = [(task, mistake) for task in JUDGED for mistake in task.mistakes]
SEEDS = (0, 1, 2)


@pytest.fixture(autouse=True)
def the_fresh_seeds_are_the_same_each_time(monkeypatch, request):
    """A learner gets a second round of inputs from a new seed; a failure here must be one that comes back."""
    monkeypatch.setattr(secrets, "randbelow", random.Random(request.node.name).randrange)


each_task = pytest.mark.parametrize("task", JUDGED, ids=lambda task: task.id)


@each_task
def test_a_right_answer_that_is_written_differently_passes(task):
    assert task.kind == "value" or task.variants, "give at least one variant"
    for variant in task.variants:
        for seed in SEEDS:
            judge(task, variant, seed, ours=True)


@each_task
def test_the_reference_passes(task):
    if task.reference is not None:
        judge(task, task.reference, ours=True)


@pytest.mark.parametrize("task, mistake", MISTAKES, ids=lambda one: getattr(one, "key", getattr(one, "id", None)))
def test_each_mistake_fails_with_its_own_key(task, mistake):
    for seed in SEEDS:
        with pytest.raises(CheckFailed) as caught:
            judge(task, mistake.wrong, seed, ours=True)
        assert caught.value.key == mistake.key


@each_task
def test_each_task_knows_two_to_seven_mistakes(task):
    assert 2 <= len(task.mistakes) <= 7


@each_task
def test_a_blank_is_to_do(task):
    def blank(*args):
        raise NotImplementedError

    if task.kind != "value":
        with pytest.raises(CheckFailed) as caught:
            judge(task, blank)
        assert caught.value.key == "todo"


@each_task
def test_an_answer_learned_by_heart_fails(task):
    def constant(*args):
        return 1

    if task.kind != "value":
        with pytest.raises(CheckFailed):
            judge(task, constant)


@pytest.mark.parametrize("number", set_names())
def test_a_set_has_different_ids_of_its_own_number(number):
    ids = [task.id for task in tasks_of(number)]
    assert len(ids) == len(set(ids))
    assert all(name.startswith(f"{number}.") for name in ids)


def test_no_set_imports_what_makes_a_learner_wait():
    for file in Path(checks.__file__).parent.rglob("*.py"):
        assert not re.search(r"^\s*(from|import) torch\.(testing|distributed)", file.read_text("utf-8"), re.M), file
