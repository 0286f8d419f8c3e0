"""Ctrl-C without half a step: the run is told, and ends when its weights are whole."""

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def deferred_interrupt(tell: Callable[[], None]) -> Iterator[None]:
    """While open, the first Ctrl-C (or SIGTERM) calls `tell`; a second one interrupts at once.

    Signals reach Python's main thread alone; elsewhere this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handler(number: int, frame: object) -> None:
        restore()
        print("\nstopping after this step and saving (again to stop at once)", file=sys.stderr, flush=True)
        tell()

    def restore() -> None:
        for number, old in before.items():
            signal.signal(number, signal.SIG_DFL if old is None else old)  # None: not set from Python

    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        restore()
