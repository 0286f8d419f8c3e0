"""Files are written whole or not at all, and read with an error that says what to do."""

import errno
import os
import sys

import pytest

from minigen.files import read_text, write_atomically


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_text_and_bytes_round_trip(tmp_path):
    write_atomically(tmp_path / "a.txt", "naïve\ntext\r\n")
    write_atomically(str(tmp_path / "b.bin"), b"\x00\xff")
    assert (tmp_path / "a.txt").read_bytes() == "naïve\ntext\r\n".encode()
    assert (tmp_path / "b.bin").read_bytes() == b"\x00\xff"
    assert names(tmp_path) == ["a.txt", "b.bin"]


def test_writing_replaces_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    write_atomically(path, "a long old text")
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions and links are those of POSIX")
def test_a_written_file_has_the_usual_permissions_and_a_link_stays_a_link(tmp_path):
    (tmp_path / "usual").touch()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_atomically(tmp_path / "link", "x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("stage", ["fsync", "replace"])
def test_a_full_disk_keeps_the_old_file_and_leaves_nothing(tmp_path, monkeypatch, stage):
    path = tmp_path / "a.txt"
    write_atomically(path, "old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, stage, full)
    with pytest.raises(OSError, match=r"a\.txt: the disk is full") as caught:
        write_atomically(path, "new")
    assert caught.value.errno == errno.ENOSPC
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_ctrl_c_during_a_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a.txt", "new")
    assert names(tmp_path) == []


def test_an_unwritable_target_says_what_is_wrong(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*absent"):
        write_atomically(tmp_path / "absent" / "a.txt", "x")
    with pytest.raises(OSError, match="it is a folder"):
        write_atomically(tmp_path, "x")

    def forbidden(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("builtins.open", forbidden)  # root, who may run the tests, ignores a read-only folder
    with pytest.raises(PermissionError, match="no permission to write there"):
        write_atomically(tmp_path / "a.txt", "x")


def test_reading_strips_a_byte_order_mark_and_unifies_line_ends(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n")
    assert read_text(tmp_path / "a.txt") == "one\ntwo\nthree\n"


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"PK\x03\x04\x00\x00", "not a text file: byte 4 is zero"),
        (b"\x89PNG\x00\xff", "not a text file"),
        ("café".encode("latin-1"), "not UTF-8: byte 3 is 0xe9; open it .* encoding UTF-8"),
        ("text".encode("utf-16"), "not UTF-8"),
    ],
)
def test_a_file_that_is_no_text_is_refused_by_its_name(tmp_path, content, message):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.txt.*" + message):
        read_text(tmp_path / "a.txt")


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*absent\.txt"):
        read_text(tmp_path / "absent.txt")
    with pytest.raises(ValueError, match="is a folder"):
        read_text(tmp_path)
