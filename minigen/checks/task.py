"""What an author declares: tasks, the mistakes that learners really make, and properties of a right answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from minigen.checks.draw import Draw

IMPORTANCE = ("core", "useful", "extra")


def call_directly(student: Callable, *args: Any) -> Any:
    """The usual way to use what the learner wrote: a function of the inputs."""
    return student(*args)


class Case:
    """One call: a few words on what is special about it, and the arguments. Small ones first: they are shown."""

    def __init__(self, note: str, *args: Any):
        self.note, self.args = note, args


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that learners really write. Who gives the same answers in all cases is shown this hint.

    key: in lower case with hyphens, the same for the same misconception in every set ("no-scale", "wrong-axis").
    wrong: what was written: a function, class or value, as the learner would hand it in.
    """

    key: str
    hint: str
    wrong: Any


@dataclass(frozen=True)
class Property:
    """What must hold for every right answer. holds(f, *args) -> bool, where f is what the learner wrote.

    It is asked where an answer is wrong and is no known mistake, and once more where all answers are right.
    """

    key: str
    hint: str
    holds: Callable[..., bool]


@dataclass(frozen=True, kw_only=True)
class Task:
    """One exercise that `check` can judge.

    id: "02.softmax": the two digits of the lesson, a dot, the name of the function or idea.
    difficulty: 1 to 3. importance: "core", "useful" or "extra". minutes: for a learner. points: for a teacher.
    reference: the right answer: the package's own function wherever there is one. None: properties alone decide.
    cases: cases(draw) -> list of Case; ordinary ones drawn with `draw`, then the extreme ones.
    mistakes: 2 to 6. properties: each with a key and a hint.
    variants: at least one right answer that is written differently (einsum for matmul, a loop for vectors).
    hints: a question, then a pointer, then pseudocode.
    call: call(f, *args) -> answer, where f is not simply called with the inputs: a class to build and copy weights
        into, a generator to list, an answer to round.
    kind: "function" (also a class), "bug" (a function to repair) or "value" (f is the answer itself).
    rtol, atol: relative and absolute tolerance for numbers; everything else must be equal.
    forbid: names of library functions that would do the task ("softmax"); minigen's own are always forbidden,
        unless minigen_allowed says that the learner is given parts of minigen to use.
    given: names of functions of the set that `call` hands to the learner, who may call them ("next_logits").
    may_mutate: the task is to change an argument in place.
    """

    id: str
    title: str
    difficulty: int
    minutes: int
    points: int
    cases: Callable[[Draw], Sequence[Case]] = lambda draw: [Case("your answer")]
    reference: Any
    mistakes: Sequence[Mistake]
    hints: tuple[str, str, str]
    properties: Sequence[Property] = ()
    variants: Sequence[Any] = ()
    importance: str = "core"
    kind: str = "function"
    call: Callable[..., Any] = call_directly
    rtol: float = 1e-5
    atol: float = 1e-6
    forbid: Sequence[str] = ()
    minigen_allowed: bool = False
    given: Sequence[str] = ()
    may_mutate: bool = False

    def __post_init__(self) -> None:
        check_head(self)
        keys = [entry.key for entry in (*self.mistakes, *self.properties)]
        if len(keys) != len(set(keys)):
            raise ValueError(f"{self.id}: two mistakes or properties have one key: {sorted(keys)}")
        if self.kind not in ("function", "bug", "value"):
            raise ValueError(f"{self.id}: kind is 'function', 'bug' or 'value', not {self.kind!r}")
        if self.kind == "value":
            object.__setattr__(self, "call", lambda value: value)

    @property
    def badge(self) -> str:
        """The line under the task's heading in the notebook."""
        return badge(self)


@dataclass(frozen=True, kw_only=True)
class Written:
    """A question that a person answers in words, and a person reads. The answer stands in a cell of text.

    min_words: below it, the answer counts as "to do".
    """

    id: str
    title: str
    difficulty: int
    minutes: int
    points: int
    hints: tuple[str, str, str]
    importance: str = "useful"
    min_words: int = 15
    kind: str = field(default="written", init=False)

    def __post_init__(self) -> None:
        check_head(self)

    @property
    def badge(self) -> str:
        """The line under the task's heading in the notebook."""
        return badge(self)


def check_head(task: Task | Written) -> None:
    """ValueError where the head of a task is not as it should be."""
    if not (task.id[:2].isdecimal() and task.id[2:3] == "." and task.id[3:].isidentifier()):
        raise ValueError(f"a task's id is like '02.softmax', not {task.id!r}")
    if task.difficulty not in (1, 2, 3):
        raise ValueError(f"{task.id}: difficulty is 1, 2 or 3, not {task.difficulty}")
    if task.importance not in IMPORTANCE:
        raise ValueError(f"{task.id}: importance is one of {', '.join(IMPORTANCE)}, not {task.importance!r}")
    if len(task.hints) != 3:
        raise ValueError(f"{task.id}: three hints, a question, a pointer and pseudocode, not {len(task.hints)}")


def badge(task: Task | Written) -> str:
    """`02.softmax` · ★★☆ · core · 10 minutes · 3 points"""
    stars = "★" * task.difficulty + "☆" * (3 - task.difficulty)
    points = f"{task.points} point{'s' if task.points > 1 else ''}"
    return f"`{task.id}` · {stars} · {task.importance} · {task.minutes} minutes · {points}"
