"""`onecard journal export` and `salvage`: what an auditor believes, and what a technician saves."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from onecard.journal import BootInfo, Journal, JournalReader
from onecard.journal.disk import OsDisk
from onecard.journal.export import BadExport, verify_export
from onecard.kinds import ClockQuality
from onecard.records import OutcomeRecord, Seal, encode_record
from tools.journal import command

KEY = bytes(range(32))
SEED = bytes(range(32, 64))
PUBLIC = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()


def run(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "journal"
    (tmp_path / "sign.key").write_bytes(SEED)
    (tmp_path / "public").write_text(PUBLIC.hex())
    Journal.create(directory, terminal=12, chain_key=KEY, salt=os.urandom, segment_size=1 << 16, segments=3)
    boot = BootInfo(bytes(8), 1_900_000_000, ClockQuality.KEPT, "test")
    with Journal.open(directory, chain_key=KEY, boot=boot, random=os.urandom) as journal:
        for number in range(5):
            journal.append(*encode_record(OutcomeRecord(number, 1, 1_900_000_000)), durable=True)
        journal.append(200, b"\xff\x00", durable=True)
    return directory


@pytest.fixture
def exported(directory: Path) -> list[bytes]:
    file = directory.parent / "out"
    result = run("export", directory, "--sign-key", directory.parent / "sign.key", "-o", file)
    assert result.exit_code == 0, result.output
    return file.read_bytes().splitlines(keepends=True)


def test_any_changed_byte_of_an_export_is_found(exported):
    raw = b"".join(exported)
    for at in range(len(raw)):
        changed = bytearray(raw)
        changed[at] ^= 1
        with pytest.raises(BadExport):
            verify_export(bytes(changed).splitlines(keepends=True), PUBLIC)


def test_a_missing_doubled_or_added_line_is_found(exported):
    for at in range(len(exported)):
        for lines in (exported[:at] + exported[at + 1 :], [*exported[:at], exported[at], *exported[at:]]):
            with pytest.raises(BadExport):
                verify_export(lines, PUBLIC)
    with pytest.raises(BadExport, match="something follows"):
        verify_export([*exported, exported[1]], PUBLIC)
    with pytest.raises(BadExport, match="cut short"):
        verify_export(exported[:-1], PUBLIC)
    with pytest.raises(BadExport):
        verify_export([], PUBLIC)


def test_another_terminals_key_does_not_verify(exported, directory):
    with pytest.raises(BadExport, match="signature"):
        verify_export(exported, bytes(PUBLIC[::-1]))
    other = directory.parent / "other"
    other.write_bytes(Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    result = run("export", "--verify", directory.parent / "out", "--key", other)
    assert result.exit_code == 1
    assert isinstance(result.exception, BadExport)


def test_an_unsigned_export_is_asked_for_and_never_believed(directory):
    assert "sign.key" in run("export", directory).output
    result = run("export", directory, "--unsigned")
    assert result.exit_code == 0
    with pytest.raises(BadExport, match="signature"):
        verify_export(result.stdout_bytes.splitlines(keepends=True), PUBLIC)


def test_the_lines_are_those_of_the_format_page(exported, directory):
    lines = [json.loads(line) for line in exported]
    assert lines[0] == {"onecard_journal_export": 1, "terminal": 12}
    entries = list(JournalReader(directory, KEY).entries())
    assert [line["name"] for line in lines[1:-1]] == [str(e.name) for e in entries]
    assert [line["payload"] for line in lines[1:-1]] == [e.payload.hex() for e in entries]
    assert lines[2] == {
        "name": "12/1/2",
        "kind": "OUTCOME",
        "fields": {"intent": 0, "outcome": 1, "at": 1_900_000_000},
        "payload": entries[1].payload.hex(),
        "tag": entries[1].tag.hex(),
    }
    assert (lines[-2]["kind"], lines[-2]["fields"]) == (200, None)
    closing = lines[-1]
    assert (closing["records"], closing["missing"]) == (7, 0)
    assert (closing["head"], closing["head_tag"]) == ("12/1/7", entries[-1].tag.hex())
    message = b"onecard journal export 1" + hashlib.sha256(b"".join(exported[:-1])).digest()
    public = Ed25519PrivateKey.from_private_bytes(SEED).public_key()
    public.verify(bytes.fromhex(closing["signature"]), message)


def test_verify_says_what_it_found(exported, directory):
    result = run("export", "--verify", directory.parent / "out", "--key", directory.parent / "public")
    assert result.exit_code == 0
    assert result.output == "terminal 12: 7 records, 0 lost, head 12/1/7\n"
    assert run("export", "--verify", directory.parent / "out").exit_code == 2


def test_salvage_saves_what_lies_behind_the_damage_and_changes_nothing(directory):
    segment = directory / "seg-00000001.ocj"
    entry = list(JournalReader(directory).entries())[3]
    image = bytearray(segment.read_bytes())
    image[image.index(entry.payload) + 1] ^= 1
    segment.write_bytes(image)
    before = {file.name: file.read_bytes() for file in directory.iterdir()}
    result = run("salvage", directory)
    assert result.exit_code == 1
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["name"] for line in lines[1:-2]] == [f"12/1/{n}" for n in (1, 2, 3, 5, 6, 7)]
    assert [line.get("after_gap", False) for line in lines[1:-2]] == [False] * 3 + [True] * 3
    assert lines[-2]["missing"] == [4, 4]
    assert (lines[-1]["records"], lines[-1]["missing"], lines[-1]["signature"]) == (6, 1, "")
    assert "LOST: records 4 to 4" in result.stderr
    assert {file.name: file.read_bytes() for file in directory.iterdir()} == before
    signed = directory.parent / "signed"
    result = run("export", directory, "--sign-key", directory.parent / "sign.key", "-o", signed)
    assert result.exit_code == 1
    assert verify_export(signed.read_bytes().splitlines(keepends=True), PUBLIC).missing == 1


class _ReadOnlyDisk(OsDisk):
    """A disk mounted read-only."""

    def open(self, path: Path, flags: int) -> int:
        assert flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC) == 0
        return super().open(path, flags)

    def pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        raise AssertionError

    fsync = fdatasync = sync_directory = rename = lock = pwrite


def test_reading_needs_no_right_to_write(directory):
    reader = JournalReader(directory, KEY, disk=_ReadOnlyDisk())
    assert len(list(reader.all_entries(missing=print))) == 7
    boot = BootInfo(bytes(8), 1_900_000_000, ClockQuality.KEPT, "test")
    with Journal.open(directory, chain_key=KEY, boot=boot, random=os.urandom) as journal:  # and none of the lock
        journal.append(*encode_record(Seal(1)), durable=True)
        assert run("export", directory, "--unsigned").exit_code == 0
