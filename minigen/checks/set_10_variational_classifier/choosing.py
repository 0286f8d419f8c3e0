"""Tasks 10.repair_choice and 10.what_helped: the best of twenty, and what a table of intervals says."""

import torch
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task, Written


def choice_cases(draw: Draw) -> list[Case]:
    """Accuracies on validation and test, (M settings, S seeds)."""

    def case(note: str, settings: int, seeds: int) -> Case:
        level = draw.uniform(settings, 1, low=0.5, high=0.7)
        parts = (level + draw.normal(settings, seeds, scale=0.05) for _ in range(2))
        return Case(note, *(part.clamp(0.01, 0.99) for part in parts))

    validation = [[0.70, 0.72, 0.74], [0.60, 0.90, 0.63], [0.69, 0.71, 0.78], [0.50, 0.52, 0.51]]
    test = [[0.80, 0.76, 0.78], [0.66, 0.70, 0.65], [0.71, 0.77, 0.72], [0.84, 0.82, 0.83]]
    return [
        Case("four settings, three seeds", torch.tensor(validation), torch.tensor(test)),
        case("twenty settings", 20, 3),
        case("two settings", 2, 5),
        case("one setting: nothing to choose", 1, 4),
        case("one seed", 6, 1),
    ]


def honest_report(validation: Tensor, test: Tensor) -> tuple[int, float]:
    """The reference."""
    best = int(validation.mean(dim=1).argmax())
    return best, test[best].mean().item()


def _report(choose, tell=lambda validation, test, best: test[best].mean()):
    """A report of a way to choose and a way to tell."""

    def report(validation: Tensor, test: Tensor) -> tuple[int, float]:
        best = int(choose(validation, test).argmax())
        return best, tell(validation, test, best).item()

    return report


def _by_validation(validation, test):
    return validation.mean(dim=1)


def _each_seed(validation, test, best):
    return test[validation.argmax(dim=0), torch.arange(test.shape[1])].mean()


def _test_does_not_choose(f, validation, test) -> bool:
    return f(validation, 1 - test)[0] == f(validation, test)[0]


def _test_is_told(f, validation, test) -> bool:
    one, other = f(validation, test)[1], f(validation, test - 0.25)[1]
    return abs(one - other - 0.25) < 1e-4


def _all_seeds_count(f, validation, test) -> bool:
    """Whether the seeds of the test in another order give the same report."""
    return abs(f(validation, test)[1] - f(validation, test.roll(1, dims=1))[1]) < 1e-5


def _by_loop(validation, test):
    means = [sum(row) / len(row) for row in validation.tolist()]
    best = means.index(max(means))
    return best, sum(test[best].tolist()) / test.shape[1]


REPAIR_CHOICE = Task(
    id="10.repair_choice",
    title="Find the bug: a gain of luck",
    kind="bug",
    difficulty=2,
    minutes=15,
    points=3,
    reference=honest_report,
    cases=choice_cases,
    atol=1e-5,
    mistakes=[
        Mistake(
            "as-found",
            "This gives what the faulty function gives. Twenty coins were thrown, and one landed best: which numbers "
            "decided, and which are told?",
            _report(lambda validation, test: test.mean(dim=1)),
        ),
        Mistake(
            "validation-told",
            "The setting is chosen by validation now, but its validation accuracy is told: the best of many, and too "
            "good by the same luck.",
            _report(_by_validation, lambda validation, test, best: validation[best].mean()),
        ),
        Mistake(
            "lucky-seed",
            "The setting with the best *single* validation run wins: one lucky seed is enough. Choose by the mean.",
            _report(lambda validation, test: validation.amax(dim=1)),
        ),
        Mistake(
            "best-seed-told",
            "The setting is chosen well, and then its best test run is told. A reader who runs it once will get the "
            "mean.",
            _report(_by_validation, lambda validation, test, best: test[best].max()),
        ),
        Mistake(
            "seed-chosen",
            "The seed is chosen by validation as well. Seeds are no setting: all of them are the result.",
            _report(_by_validation, lambda validation, test, best: test[best, validation[best].argmax()]),
        ),
        Mistake(
            "each-seed-its-own",
            "Each seed picks its own best setting, and what is told is the mean of a mixture that nobody can use.",
            _report(_by_validation, _each_seed),
        ),
        Mistake(
            "peeks",
            "Validation and test decide together. The test split may have no say at all.",
            _report(lambda validation, test: (validation + test).mean(dim=1)),
        ),
    ],
    properties=[
        Property(
            "test-chooses", "Other test accuracies should not change which setting is chosen.", _test_does_not_choose
        ),
        Property("test-not-told", "Where all test accuracies are 0.25 lower, 0.25 less should be told.", _test_is_told),
        Property("seed-chosen-too", "All test runs of the setting should count alike.", _all_seeds_count),
    ],
    variants=[_by_loop, lambda v, t: (int(v.sum(1).max(0).indices), t.mean(1)[v.sum(1).argmax()].item())],
    hints=(
        "In the demonstration all settings are coins. Why does the report say more than a half?",
        "Two numbers are looked up: which setting (by validation, the mean over the seeds), and what it is worth (on "
        "test, the mean over the seeds).",
        "best = where the mean validation accuracy over the seeds is largest\n"
        "return best and the mean test accuracy of that setting, as int and float",
    ),
)

WHAT_HELPED = Written(
    id="10.what_helped",
    title="What helped, and what do we not know?",
    difficulty=2,
    minutes=10,
    points=3,
    hints=(
        "For each claim: which two arms differ in that thing *alone*?",
        "Look for the control of each arm. An interval that holds zero says 'we do not know'; and two differences to "
        "one base are not the difference of the two.",
        "claim -> the two arms that would have to be compared -> is that interval in the table? -> yes, no, not known",
    ),
)
