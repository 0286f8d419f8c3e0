"""Several workers at once, and what became of each submission. Does not import torch, and runs no learner's code."""

import contextlib
import json
import os
import queue
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from minigen.checks.launch import Result
from minigen.grading.confine import scrubbed_environment
from minigen.grading.submissions import Submission

TO_BEGIN = 180.0  # seconds for importing torch on a busy machine
CAN_FORK = hasattr(os, "fork")
ENDINGS = {
    "timeout": "did not end within {seconds:g} seconds: is there a loop that never ends?",
    "crashed": "the process ended here: by its own hand, or by the limits of memory and processor time.",
}


@dataclass(frozen=True)
class Limits:
    """seed: of the first round of inputs. seconds: for each cell. memory: MiB beyond what torch takes.

    user: whose rights the learners' code has, where the teacher is root; "" for the teacher's own.
    fork: a fork of one worker for each submission (quick), or a worker for each (where there is no fork).
    """

    seed: int = 1
    seconds: float = 10.0
    memory: int = 2048
    user: str = ""
    fork: bool = CAN_FORK


@dataclass(frozen=True)
class Grade:
    """What became of a submission: a result for each task (status written: a person reads it), notes, or a problem."""

    learner: str
    file: str
    results: tuple[Result, ...] = ()
    answers: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problem: str = ""

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> "Grade":
        """The grade of a line. ValueError, KeyError or TypeError if it is none."""
        entry = json.loads(line)
        results = tuple(Result(**result) for result in entry.pop("results"))
        return cls(**(entry | {"results": results, "notes": tuple(entry["notes"])}))


class Worker:
    """A process of `minigen.grading.worker`, and its messages; started when first needed, and again when it died."""

    def __init__(self, release: Path, limits: Limits):
        self.release, self.limits = release.resolve(), limits
        self.process: subprocess.Popen | None = None
        self.folder = tempfile.TemporaryDirectory(prefix="minigen-grade-", ignore_cleanup_errors=True)
        if limits.user:
            os.chmod(self.folder.name, 0o711)
        self.tasks: list[dict] = []
        self.closed = False

    def begin(self) -> None:
        """Starts the process and hears the tasks. RuntimeError if it does not come up."""
        if self.closed:
            raise RuntimeError("grading was stopped")
        one = self.limits
        command = [sys.executable, "-m", "minigen.grading.worker", str(self.release)]
        command += ["--seed", str(one.seed), "--seconds", str(one.seconds), "--memory", str(one.memory)]
        command += (["--user", one.user] if one.user else []) + ([] if one.fork else ["--once"])
        self.errors = open(Path(self.folder.name) / "errors", "w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=scrubbed_environment(Path(self.folder.name)),
            cwd=self.folder.name,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C is for the teacher's command, which then ends this
        )
        self.said: queue.Queue = queue.Queue()
        threading.Thread(target=self._hear, args=(self.process.stdout, self.said), daemon=True).start()
        first = self._next(TO_BEGIN)
        if not first or "tasks" not in first:
            self.end()
            raise RuntimeError(f"a worker could not begin: {self._last_words()}")
        self.tasks = first["tasks"]

    @staticmethod
    def _hear(stream: object, said: queue.Queue) -> None:
        for line in stream:
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict) and entry:
                    said.put(entry)
        said.put(None)

    def _next(self, seconds: float) -> dict | None:
        """The next message; None if the process ended, {} if it says nothing for so long."""
        try:
            return self.said.get(timeout=seconds)
        except queue.Empty:
            return {}

    def _last_words(self) -> str:
        self.errors.seek(0)
        return self.errors.read()[-600:].strip() or "no reason given"

    def attempt(self, job: dict) -> tuple[dict[str, dict], str, dict, list[str]]:
        """(verdicts by task, how it ended, where it was last, what it had changed) of one run of a submission."""
        if self.process is None or self.process.poll() is not None:
            self.begin()
        secret = "" if self.limits.fork else secrets.token_hex(16)  # a worker that forks has one for each fork
        self.process.stdin.write(json.dumps({**job, "secret": secret}) + "\n")
        self.process.stdin.flush()
        verdicts, at, changed = {}, {}, []
        patience = self.limits.seconds + (20.0 if self.limits.fork else 3.0)  # a worker that forks watches the time
        while True:
            entry = self._next(patience)
            if not entry:
                ended = "crashed" if entry is None else "timeout"
                self.end()
                return verdicts, ended, at, changed
            if entry.get("secret", "") != secret:
                continue  # not from the worker: a learner's code wrote it
            if "id" in entry:
                verdicts[entry["id"]] = entry
            elif "at" in entry:
                at = entry
            elif "tampered" in entry:
                changed += entry["tampered"]
            elif "end" in entry:
                if not self.limits.fork:
                    self.end()
                return verdicts, entry["end"], at, changed

    def end(self) -> None:
        """Ends the process, if there is one."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()
            process.stdin.close()

    def close(self) -> None:
        """Ends the process for good."""
        self.closed = True
        self.end()


def grade_one(worker: Worker, submission: Submission) -> Grade:
    """Judges a submission; a task whose code ends or hangs its process costs only itself."""
    grade = Grade(
        submission.learner, str(submission.path), (), submission.answers, submission.notes, submission.problem
    )
    if submission.problem:
        return grade
    found: dict[str, dict] = {}
    skip: list[str] = []
    changed: set[str] = set()
    while True:
        job = {"answers": submission.answers, "skip": skip, "judged": sorted(found)}
        verdicts, ended, at, names = worker.attempt(job)
        found |= verdicts
        changed |= set(names)
        if not ended or not at or at["at"] in found:
            break
        message = ENDINGS[ended].format(seconds=worker.limits.seconds)
        found[at["at"]] = {"status": "wrong", "key": ended, "message": message}
        skip += [at["at"]] if at["phase"] == "solution" else []
    lost = {"status": "wrong", "key": "crashed", "message": "not judged: the process ended before"}
    names = ("status", "key", "message")
    results = [Result(**task, **{n: found.get(task["id"], lost)[n] for n in names}) for task in worker.tasks]
    notes = [f"changes what judges it: {', '.join(sorted(changed))}"] if changed else []
    return replace(grade, results=tuple(results), notes=(*submission.notes, *notes))


def grade_all(
    submissions: Sequence[Submission], release: Path, limits: Limits, jobs: int, keep: Callable[[Grade], None]
) -> None:
    """Judges all, `jobs` at once, and hands each grade to `keep` (one call at a time) as soon as it is there."""
    lock, mine = threading.Lock(), threading.local()
    workers: list[Worker] = []

    def run(submission: Submission) -> None:
        if not hasattr(mine, "worker"):
            mine.worker = Worker(release, limits)
            workers.append(mine.worker)
        try:
            grade = grade_one(mine.worker, submission)
        except (RuntimeError, OSError) as error:
            path = str(submission.path)
            grade = Grade(submission.learner, path, problem=f"could not be graded: {error}")
        with lock:
            if not mine.worker.closed:
                keep(grade)

    pool = ThreadPoolExecutor(max_workers=max(1, min(jobs, len(submissions))))
    try:
        for done in [pool.submit(run, submission) for submission in submissions]:
            done.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.close()
