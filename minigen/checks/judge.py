"""The verdict: to do, a known mistake, a property that fails, a value that differs, or done."""

import os
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from minigen.checks import guard
from minigen.checks.compare import Tolerance, difference, show, structure
from minigen.checks.draw import Draw
from minigen.checks.failure import CheckFailed
from minigen.checks.guard import Outcome
from minigen.checks.registry import find
from minigen.checks.task import Case, Property, Task

SEED_VARIABLE = "MINIGEN_CHECK_SEED"
PLAIN = ("wrong-value", "wrong-shape", "wrong-type", "wrong-dtype", "error")


def check(task_id: str, student: Any, seed: int | None = None) -> None:
    """Judges what a learner wrote; prints one line if it is right.

    seed: of the first round of inputs; else $MINIGEN_CHECK_SEED, else 0. A second round has a fresh seed each time.

    Raises:
        CheckFailed: with a key, and a message that says what is wrong.
        ValueError: if there is no such task.
    """
    task = find(task_id)
    if not isinstance(task, Task):
        raise ValueError(f"{task_id} is answered in words: there is nothing to check by machine")
    printed = judge(task, student, seed)
    points = f"{task.points} point{'s' if task.points > 1 else ''}"
    print(f"✓ {task.id} · {task.title} · {points}")
    if printed:
        print("  (It also prints something: take that out when you are done.)")


def judge(task: Task, student: Any, seed: int | None = None, *, ours: bool = False) -> bool:
    """Whether right code also prints. Raises CheckFailed for wrong code.

    ours: a mistake or variant of the set itself, which may use whatever a learner may not.
    """
    if task.kind != "value" and not callable(student):
        what = "a function or class is expected: write its name without brackets"
        raise CheckFailed(task.id, "not-callable", f"{what}; you gave {show(student)}")
    first = int(os.environ.get(SEED_VARIABLE, 0)) if seed is None else seed
    printed = judge_round(task, student, first, ours)
    if task.kind == "value":
        return printed
    other = secrets.randbelow(2**31)
    try:
        return judge_round(task, student, other, ours) or printed
    except CheckFailed as failure:
        if failure.key not in PLAIN:
            raise
        told = f"right for seed {first}, wrong on fresh inputs (seed {other}). Compute the answer from the inputs."
        raise CheckFailed(task.id, "hard-coded", f"{told}\n{failure.message}") from None


def judge_round(task: Task, student: Any, seed: int, ours: bool = False) -> bool:
    """One round of inputs: whether the code prints. Raises CheckFailed."""
    cases = list(task.cases(Draw(seed)))
    outcomes = [guard.run(task, student, case, watched=not ours) for case in cases]
    expected = None
    if task.reference is not None:
        expected = [guard.run(task, task.reference, case, watched=False) for case in cases]
    diagnose(task, student, cases, outcomes, expected)
    return any(outcome.printed for outcome in outcomes)


def diagnose(
    task: Task, student: Any, cases: Sequence[Case], outcomes: Sequence[Outcome], expected: Sequence[Outcome] | None
) -> None:
    """Raises CheckFailed with the most helpful thing to say; returns if all is right."""
    if any(isinstance(outcome.error, NotImplementedError) for outcome in outcomes):
        raise CheckFailed(
            task.id, "todo", f'not written yet; about {task.minutes} minutes. A first question: hint("{task.id}")'
        )
    used = next((outcome.forbidden for outcome in outcomes if outcome.forbidden), None)
    if used:
        raise CheckFailed(task.id, "forbidden", f"{used} does the work here. Write it yourself, from simpler parts.")
    wrong = list(range(len(cases)))
    if expected is not None:
        wrong = [n for n in wrong if not same(task, outcomes[n], expected[n])]
        _no_return(task, [outcomes[n] for n in wrong], expected)
    if wrong:
        for mistake in task.mistakes:
            answers = (guard.run(task, mistake.wrong, case, watched=False) for case in cases)
            if all(same(task, mine, answer) for mine, answer in zip(outcomes, answers, strict=True)):
                raise CheckFailed(task.id, mistake.key, mistake.hint)
    for n in wrong:
        _say_what_differs(task, student, cases[n], outcomes[n], expected[n] if expected else None)
    for case in cases:
        _hold_properties(task, student, case)


def same(task: Task, one: Outcome, two: Outcome) -> bool:
    """Whether two outcomes are equal: the same kind of error, or equal values and equal respect for the inputs."""
    if one.error or two.error:
        return type(one.error) is type(two.error)
    alike = difference(one.value, two.value, Tolerance(task.rtol, task.atol)) is None
    return alike and (one.changed is None) == (two.changed is None)


def _no_return(task: Task, outcomes: Sequence[Outcome], expected: Sequence[Outcome]) -> None:
    if any(outcome.value is None and not outcome.error for outcome in expected):
        return
    for outcome in outcomes:
        if outcome.value is None and not outcome.error:
            printed = " It prints something, but printing is not returning." if outcome.printed else ""
            raise CheckFailed(task.id, "no-return", f"the function returns None: is there a `return`?{printed}")


def _say_what_differs(task: Task, student: Any, case: Case, outcome: Outcome, expected: Outcome | None) -> None:
    """Raises CheckFailed for the one case, if there is something wrong with it."""
    where = f"{case.note}: " if case.note else ""
    if outcome.error:
        if isinstance(outcome.error, TypeError) and "argument" in str(outcome.error) and _not_inside(outcome):
            told = f"it cannot be called as the task says: {outcome.error}"
            raise CheckFailed(task.id, "wrong-arguments", f"{told}\n{_inputs(case)}")
        if expected is None or not expected.error:
            raise CheckFailed(task.id, "error", f"{where}{guard.explain(outcome.error)}\n{_inputs(case)}")
    if outcome.changed:
        told = "the input is changed in place. Work on a copy, or use operations without a trailing underscore."
        raise CheckFailed(task.id, "mutates-input", f"{where}{told}\n{outcome.changed.text}")
    if expected is None:
        return
    if expected.error:
        wanted = f"a {type(expected.error).__name__} is expected for such input ({expected.error})"
        raise CheckFailed(task.id, "wrong-value", f"{where}{wanted}, got {show(outcome.value)}\n{_inputs(case)}")
    shape = structure(outcome.value, expected.value)
    if shape:
        raise CheckFailed(task.id, shape.key, f"{where}{shape.text}\n{_inputs(case)}")
    _hold_properties(task, student, case)
    found = difference(outcome.value, expected.value, Tolerance(task.rtol, task.atol))
    if found:
        pair = f"expected: {show(expected.value)}\ngot:      {show(outcome.value)}"
        raise CheckFailed(task.id, found.key, f"{where}{found.text}\n{_inputs(case)}\n{pair}")


def _not_inside(outcome: Outcome) -> bool:
    """Whether an error came from the call itself, with no line of the learner's run."""
    return guard.their_line(outcome.error) is None


def _hold_properties(task: Task, student: Any, case: Case) -> None:
    for wanted in task.properties:
        if not _holds(task, wanted, student, case):
            raise CheckFailed(task.id, wanted.key, f"{wanted.hint}\n({case.note})" if case.note else wanted.hint)


def _holds(task: Task, wanted: Property, student: Any, case: Case) -> bool:
    function: Callable = lambda *args: _value(guard.run(task, student, Case("", *args), watched=False))  # noqa: E731
    try:
        return bool(wanted.holds(function, *case.args))
    except Exception:  # the answer is so different that the question cannot even be asked
        return False


def _value(outcome: Outcome) -> Any:
    if outcome.error:
        raise outcome.error
    return outcome.value


def _inputs(case: Case) -> str:
    return "\n".join(f"input {n}:  {show(arg)}" for n, arg in enumerate(case.args, 1))
