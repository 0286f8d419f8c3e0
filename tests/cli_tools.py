"""Calling the command line from a test."""

import re
from types import SimpleNamespace


def assert_one_clear_line(answer: SimpleNamespace, message: str, lines: int = 1) -> None:
    """Nothing on stdout; on stderr one line, without a stack trace; the status of a failure."""
    assert answer.out == ""
    assert answer.code == 1
    assert re.match(f"error: .*(?:{message})", answer.err), answer.err
    assert answer.err.count("error: ") == 1
    assert answer.err.rstrip("\n").count("\n") == lines - 1, answer.err
    assert "Traceback" not in answer.err
    assert "Errno" not in answer.err
