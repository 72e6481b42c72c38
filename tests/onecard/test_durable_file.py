"""Small files: whole or not at all, readable by whom they should be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from onecard.durable_file import NotKept, NotReadable, make_directory, read_file, replace_file


def test_the_old_content_stays_when_the_new_one_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "tariff"
    replace_file(file, b"old")
    (tmp_path / ".tariff.new").mkdir()
    with pytest.raises(NotKept, match="check that the disk is writable"):
        replace_file(file, b"new")
    assert file.read_bytes() == b"old"


def test_what_an_interrupted_writing_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".sign.key.new").write_bytes(b"left over, and longer")
    replace_file(tmp_path / "sign.key", b"key", 0o600)
    assert (tmp_path / "sign.key").read_bytes() == b"key"
    assert [file.name for file in tmp_path.iterdir()] == ["sign.key"]


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_permission_bits_are_as_asked_whatever_stood_there(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    file.chmod(0o666)
    (tmp_path / ".file.new").write_bytes(b"")
    replace_file(file, b"x", mode)
    assert file.stat().st_mode & 0o777 == mode


def test_a_missing_file_is_named_with_its_cure(tmp_path: Path) -> None:
    with pytest.raises(NotReadable, match=r"identity cannot be read \(No such file or directory\): enrol first"):
        read_file(tmp_path / "identity", "enrol first")


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotKept):
        make_directory(tmp_path / "file" / "inbox")


def test_content_is_on_the_medium_before_its_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "acknowledgement"
    file.write_bytes(b"old")
    seen: list[tuple[str, bytes]] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        fsync(descriptor)
        seen.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), file.read_bytes()))

    monkeypatch.setattr(os, "fsync", watched)
    replace_file(file, b"new")
    assert seen == [(str(tmp_path / ".acknowledgement.new"), b"old"), (str(tmp_path), b"new")]
    replace_file(file, b"newer", durable=False)
    assert len(seen) == 2
