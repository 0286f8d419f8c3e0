"""Reading and writing files so that nothing half-made is ever left, or taken for whole."""

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path


def write_atomically(path: str | Path, data: bytes | str) -> None:
    """Write the whole of `data` to `path`, or leave what was there untouched.

    The bytes go to a temporary file beside `path`, are flushed to the disk, and only then take its name (one
    atomic `os.replace`), so a crash at any moment leaves either the old file or the new one. Text is written
    as UTF-8, its newlines as they are. A symbolic link is followed, not replaced.

    Raises OSError (FileNotFoundError, PermissionError, ... by its cause), which names the file and what to
    do; no temporary file remains.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:  # not tempfile: its files can be read by their owner alone
            file.write(data.encode("utf-8") if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise OSError(error.errno, f"cannot write {path}: {_reason(error, target)}") from error
    finally:
        with suppress(OSError):  # also after Ctrl-C; after the replace there is nothing left to remove
            temporary.unlink()


def make_folder(folder: Path) -> None:
    """Makes the folder and those above it, where they are missing. OSError names the folder and why it failed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        file = next((path for path in (folder, *folder.parents) if path.is_file()), None)
        reason = f"{file} is a file; choose another name" if file else error.strerror
        raise OSError(error.errno, f"cannot make the folder {folder}: {reason}") from error


def _reason(error: OSError, target: Path) -> str:
    """Why a write failed, in words that say what to do about it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; free some space or choose another folder"
    if target.is_dir():
        return "it is a folder; name a file in it"
    if not target.parent.is_dir():
        return f"there is no folder {target.parent}; create it first"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "no permission to write there; choose a folder of your own"
    return error.strerror or str(error)


def read_text(path: str | Path) -> str:
    """The text of a UTF-8 file, without its byte order mark, its line ends all turned into one "\\n".

    Raises FileNotFoundError where there is no such file, and ValueError, which says what to do, for a folder
    and for a file that is empty, binary (it holds a zero byte) or not UTF-8.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; a text file was expected")
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path} (looked in {path.absolute().parent})")
    data = path.read_bytes()
    if not data.strip():
        raise ValueError(f"{path} is empty; a file with some text was expected")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(_not_text(path, data, error.start)) from None
    if "\0" in text:
        raise ValueError(f"{path} is not a text file: byte {data.index(0)} is zero; save it as UTF-8 text")
    if not text.strip():  # a byte order mark alone
        raise ValueError(f"{path} is empty; a file with some text was expected")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _not_text(path: Path, data: bytes, position: int) -> str:
    if b"\0" in data and not data.startswith((b"\xff\xfe", b"\xfe\xff")):  # those two begin UTF-16
        return f"{path} is not a text file: byte {data.index(0)} is zero; save it as UTF-8 text"
    return (
        f"{path} is not UTF-8: byte {position} is 0x{data[position]:02x}; "
        "open it in an editor and save it again with the encoding UTF-8"
    )
