"""The process that judges submissions: `python -m minigen.grading.worker RELEASE`, started by `pool`.

It imports torch once and then forks for each submission, so that every learner's code runs in a fresh process with
limits, in an empty folder, and never twice in the same one. Where the system cannot fork (Windows) it judges one
submission itself, and ends. Jobs come as lines of JSON on stdin, verdicts go as lines of JSON to stdout.
"""

import argparse
import contextlib
import json
import os
import secrets
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from minigen.checks.judge import judge
from minigen.checks.notebooks import Cell, answered, read_cells
from minigen.checks.registry import tasks_of
from minigen.checks.runner import Session
from minigen.grading.confine import become, limit
from minigen.grading.seal import Seal

Tell = Callable[[dict], None]
HEAD = ("id", "title", "kind", "difficulty", "importance", "minutes", "points")
GRACE = 3.0  # seconds beyond the limit of a cell; a loop in C does not hear the alarm
WHOLE = "{}"  # the last that a process says that was not stopped
LONG = 10**6  # letters of a line that a learner's process may send


class Grader:
    """Judges the learner's answers in the frame of the release: only its given cells and its checks are run."""

    def __init__(self, release: Path, seed: int, seconds: float):
        self.number, self.seed, self.seconds = release.stem[:2], seed, seconds
        self.tasks = tasks_of(self.number)
        self.cells = [cell for cell in read_cells(release) if cell.role != "finale"]
        self._rehearse()
        self.seal = Seal(self.tasks)

    def _rehearse(self) -> None:
        """Imports once, before any fork, what all submissions import; some of it comes with the first call only."""
        session = Session(self.tasks, self.seed, 60.0)
        for cell in self.cells:
            if cell.role == "given":
                session.run(cell)
        for task in self.tasks:
            if task.kind != "written" and task.reference is not None:
                with contextlib.suppress(Exception):
                    judge(task, task.reference, self.seed, ours=True)

    def judge(self, job: dict, tell: Tell) -> None:
        """Tells {"at": task, "phase": ...} before a learner's cell is run, and a verdict for each task.

        job: answers, by the name of the cell; skip: tasks whose cell ended an earlier process; judged: tasks that are
        judged already, whose cell still runs because later ones may use it.
        """
        session, answers = Session(self.tasks, self.seed, self.seconds), job["answers"]
        there = {cell.task for cell in self.cells if cell.name in answers}
        for cell in self.cells:
            if cell.role == "given":
                session.run(cell)
            elif cell.role == "solution" and cell.name in answers and cell.task not in job["skip"]:
                tell({"at": cell.task, "phase": "solution"})
                session.run(replace(cell, source=answers[cell.name]))
                self._mended(tell)
            elif cell.role in ("grade", "written") and cell.task not in job["judged"]:
                tell({"at": cell.task, "phase": "grade"})
                tell({"id": cell.task, **self._verdict(cell, session, answers, cell.task in there, tell)})

    def _verdict(self, cell: Cell, session: Session, answers: dict, there: bool, tell: Tell) -> dict:
        if not there:
            return {"status": "todo", "key": "missing", "message": "the cell is no longer in the notebook"}
        if cell.role == "written":
            done = answered(answers[cell.name], session.tasks[cell.task].min_words)
            return {"status": "written" if done else "todo", "key": "" if done else "todo", "message": ""}
        verdict = session.grade(cell)
        changed = self._mended(tell)
        if changed:
            return {"status": "wrong", "key": "tampered", "message": f"changes the checks: {', '.join(changed)}"}
        if verdict["key"] == "error" and ("MemoryError" in verdict["message"] or "allocate" in verdict["message"]):
            verdict["key"] = "memory"
        return verdict

    def _mended(self, tell: Tell) -> list[str]:
        changed = self.seal.mend()
        if changed:
            tell({"tampered": changed})
        return changed


def in_a_fork(grader: Grader, job: dict, limits: argparse.Namespace, tell: Tell) -> str:
    """Judges in a child of this process; how it ended: "" for well, else timeout or crashed."""
    secret, (read, write) = secrets.token_hex(16), os.pipe()
    place = Path(tempfile.mkdtemp())
    child = os.fork()
    if child == 0:
        try:
            os.setpgid(0, 0)
            _close_all_but(write)
            confine(place, limits)
            with open(write, "w", encoding="utf-8") as channel:
                del tell, read
                grader.judge(job, lambda entry: print(secret, json.dumps(entry), file=channel, flush=True))
                print(secret, WHOLE, file=channel, flush=True)
        finally:
            os._exit(0)
    os.close(write)
    ended = _listen(read, secret, limits.seconds + GRACE, tell)
    _kill_group(child)
    os.waitpid(child, 0)
    os.close(read)
    shutil.rmtree(place, ignore_errors=True)
    return ended


def _listen(read: int, secret: str, patience: float, tell: Tell) -> str:
    """Passes on what the child says, if it knows the secret, until it is silent for too long or ends."""
    text, whole, until = "", False, time.monotonic() + patience
    while True:
        ready, _, _ = select.select([read], [], [], max(0.0, until - time.monotonic()))
        data = os.read(read, 65536) if ready else b""
        if not data:
            return "" if whole else "crashed" if ready else "timeout"
        text += data.decode("utf-8", errors="replace")
        *lines, text = text.split("\n")
        for line in lines:
            given, _, entry = line.partition(" ")
            if secrets.compare_digest(given.encode(), secret.encode()):
                until = time.monotonic() + patience
                if entry == WHOLE:
                    whole = True
                else:
                    tell(json.loads(entry))
        if len(text) > LONG:
            return "crashed"


def _close_all_but(kept: int) -> None:
    """A learner's prints go nowhere, and none of this process's files is open any more."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.closerange(3, kept)
    os.closerange(kept + 1, 4096)


def _kill_group(child: int) -> None:
    """Ends the child, and what it may have started."""
    for kill in (os.killpg, os.kill):
        try:
            kill(child, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def confine(place: Path, limits: argparse.Namespace) -> None:
    """From here on: an empty folder to work in, limits, and another user if one is named."""
    os.chdir(place)
    tempfile.tempdir = None
    os.environ.update(dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP"), str(place)))
    limit(limits.memory, int(60 * limits.seconds))
    if limits.user:
        become(limits.user, place)


def rehearse_as(user: str) -> None:
    """Ends this process, with the reason on stderr, if a child cannot become `user`."""
    child = os.fork()
    if child == 0:
        try:
            become(user, Path(tempfile.mkdtemp()))
        except (OSError, KeyError) as error:
            os.write(2, f"cannot run as {user}: {error}\n".encode())
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(1)


def main() -> None:
    """Says what the tasks are, then judges each job that comes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("release", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--memory", type=int, required=True, help="MiB")
    parser.add_argument("--user", default="")
    parser.add_argument("--once", action="store_true", help="judge one submission in this process")
    args = parser.parse_args()
    channel = open(os.dup(1), "w", encoding="utf-8")  # noqa: SIM115 - until the process ends
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def tell(entry: dict) -> None:
        print(json.dumps(entry), file=channel, flush=True)

    if args.user:
        rehearse_as(args.user)
    torch.set_num_threads(1)  # tiny tensors; and a fork must not lose threads
    grader = Grader(args.release, args.seed, args.seconds)
    tell({"tasks": [{name: getattr(task, name) for name in HEAD} for task in grader.tasks]})
    for line in sys.stdin:
        job = json.loads(line)
        if args.once:
            secret = job.pop("secret")
            confine(Path(tempfile.mkdtemp()), args)
            grader.judge(job, lambda entry, secret=secret: tell({**entry, "secret": secret}))
            tell({"end": "", "secret": secret})
            return
        tell({"end": in_a_fork(grader, job, args, tell)})


if __name__ == "__main__":
    main()
