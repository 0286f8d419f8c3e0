"""What a learner's code may use up, and what it does not see. Time and an empty environment everywhere; memory, size of
files and another user where the system has them (not on Windows)."""

import os
import sys
from pathlib import Path

import psutil

MIB = 2**20
# What Python, torch and the course's data need of the teacher's environment. No keys, tokens, proxies or names.
KEPT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "MINIGEN_DATA", "LANG", "LC_ALL", "SYSTEMROOT", "WINDIR", "TZ")


def scrubbed_environment(folder: Path) -> dict[str, str]:
    """The environment of a worker: the few kept variables, and `folder` for home and temporary files."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    package = str(Path(__file__).resolve().parents[2])
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, (package, kept.get("PYTHONPATH"))))
    places = dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP"), str(folder))
    quiet = {"MPLBACKEND": "Agg", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONDONTWRITEBYTECODE": "1"}
    return kept | places | quiet | dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def limit(memory: int, cpu_seconds: int) -> None:
    """Limits this process for good: `memory` MiB beyond what it has now, files of 64 MiB, no core dumps.

    On Windows there is nothing of the kind, and on macOS the system does not hold the limit of memory.
    """
    if sys.platform == "win32":
        return
    import resource

    now = psutil.Process().memory_info().vms
    wanted = {
        resource.RLIMIT_AS: now + memory * MIB,
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_FSIZE: 64 * MIB,
        resource.RLIMIT_CORE: 0,
    }
    for name, value in wanted.items():
        _, hard = resource.getrlimit(name)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (value, value))


def become(user: str, folder: Path) -> None:
    """Gives up root for the rights of `user`, to whom `folder` is given. For a teacher who grades as root.

    Raises:
        OSError: if this process is not root's, or the user cannot read Python itself: right code would then fail.
        KeyError: if there is no such user.
    """
    import pwd

    entry = pwd.getpwnam(user)
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    for path in (os.__file__, psutil.__file__, __file__):
        if not os.access(path, os.R_OK):
            raise PermissionError(
                f"{user} cannot read {path}: install Python and minigen where everybody can read them"
            )
