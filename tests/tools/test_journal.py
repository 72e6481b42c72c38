"""`onecard journal`: what a technician sees."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from onecard.journal import BootInfo, BrokenChain, Journal, JournalError
from onecard.journal.mutable_journal import MutableJournal
from onecard.journal.mutable_table import tables_db
from onecard.kinds import ClockQuality
from onecard.records import OutcomeRecord, Seal, encode_record
from tools.journal import command

KEY = bytes(range(32))


def run(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def onecard(*arguments):
    program = Path(sys.executable).with_name("onecard")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def open_journal(directory):
    counter = itertools.count(1)
    boot = BootInfo(bytes(8), 1_900_000_000, ClockQuality.KEPT, "test")
    return Journal.open(directory, chain_key=KEY, boot=boot, random=lambda n: next(counter).to_bytes(n, "big"))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "journal"
    Journal.create(directory, terminal=12, chain_key=KEY, salt=os.urandom, segment_size=1 << 16, segments=3)
    with open_journal(directory) as journal:
        for number in range(3):
            journal.append(*encode_record(OutcomeRecord(number, 1, 1_900_000_000)), durable=True)
    return directory


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text(KEY.hex() + "\n")
    return file


def test_a_damaged_journal_is_exit_code_1_naming_file_and_offset(directory, key_file):
    segment = directory / "seg-00000001.ocj"
    image = bytearray(segment.read_bytes())
    image[150] ^= 4
    segment.write_bytes(image)
    for arguments in (["check", directory], ["check", directory, "--key-file", key_file]):
        result = run(*arguments)
        assert result.exit_code == 1
        assert f"DAMAGE: {segment} is damaged at byte " in result.output
        assert result.output.endswith("damaged\n")
    (damage,) = json.loads(run("check", directory, "--json").output)["damage"]
    assert (damage["file"], damage["offset"] <= 150) == (str(segment), True)
    listed = onecard("journal", "list", directory)
    assert listed.returncode == 1
    assert str(segment) in listed.stderr
    assert len(listed.stdout.splitlines()) < 4


def test_no_journal_is_exit_code_1_with_the_cure(tmp_path):
    result = onecard("journal", "check", tmp_path)
    assert result.returncode == 1
    assert "holds no journal" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_wrong_key_file_is_refused_by_name(directory, tmp_path):
    bad = tmp_path / "bad"
    bad.write_bytes(b"short")
    result = run("check", directory, "--key-file", bad)
    assert result.exit_code == 2
    assert "64 hex digits" in result.output
    other = tmp_path / "other"
    other.write_bytes(bytes(32))
    result = run("check", directory, "--key-file", other)
    assert result.exit_code == 1
    assert "chain" in result.output


def test_a_whole_journal_is_exit_code_0(directory, key_file):
    result = run("check", directory, "--key-file", key_file)
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "terminal 12, epoch 1",
        "4 records, 1 to 4, in 1 segments",
        "2 segments of the pool are unused",
        "durable up to record 4",
        "chain tags proved",
        "whole",
    ]
    report = json.loads(run("check", directory, "--json").output)
    assert report == {
        "terminal": 12,
        "segments": 1,
        "pool": 2,
        "first_sequence": 1,
        "last_sequence": 4,
        "durable_sequence": 4,
        "epoch": 1,
        "records": 4,
        "torn_bytes": 0,
        "chain_proved": False,
        "damage": [],
    }


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A terminal's tables, compacted; a writer has them open no more."""
    directory = tmp_path / "tables"
    MutableJournal.create(directory, terminal=12, chain_key=KEY, random=os.urandom, size=16_384)
    with MutableJournal.open(directory, chain_key=KEY, random=os.urandom) as journal:
        tables_db(journal).replace("tariff", {2: {"part": "AAAA"}, 1: {"version": 7}})
        journal.compact()
        tables_db(journal).table("config").insert({"key": "服务器"})
    return directory


@pytest.mark.parametrize("at", [9, 100, 200, 300])
def test_damaged_tables_are_named_and_not_listed(tables, key_file, at):
    (generation,) = tables.glob("seg-*")
    image = bytearray(generation.read_bytes())
    image[at] ^= 4
    generation.write_bytes(image)
    for key in ([], ["--key-file", key_file]):
        result = run("list", "--tables", tables, *key)
        assert isinstance(result.exception, JournalError)
        assert str(generation) in str(result.exception)
        assert result.output == ""


def test_tables_of_another_key_are_not_listed_as_proved(tables, tmp_path):
    (tmp_path / "other").write_bytes(bytes(32))
    assert isinstance(run("list", "--tables", tables, "--key-file", tmp_path / "other").exception, BrokenChain)


def test_tables_are_listed_while_the_terminal_writes_them(tables, key_file):
    before = {path: path.read_bytes() for path in tables.iterdir()}
    with MutableJournal.open(tables, chain_key=KEY, random=os.urandom):
        for key in ([], ["--key-file", key_file]):
            result = run("list", "--tables", tables, *key)
            assert result.output.splitlines() == [
                'tariff      1 {"version": 7}',
                'tariff      2 {"part": "AAAA"}',
                'config      1 {"key": "服务器"}',
            ]
    documents = [json.loads(line) for line in run("list", "--tables", tables, "--json").output.splitlines()]
    assert documents[0] == {"table": "tariff", "id": 1, "document": {"version": 7}}
    assert {path: path.read_bytes() for path in tables.iterdir()} == before


def test_a_torn_tail_is_no_damage(directory):
    segment = directory / "seg-00000001.ocj"
    image = bytearray(segment.read_bytes())
    end = len(image.rstrip(b"\0"))
    image[end + 1 : end + 9] = b"torn off"
    segment.write_bytes(image)
    result = run("check", directory)
    assert result.exit_code == 0
    assert "9 bytes of an unfinished record" in result.output


def test_list_prints_one_json_line_a_record(directory):
    lines = [json.loads(line) for line in run("list", directory, "--json").output.splitlines()]
    assert [line["name"] for line in lines] == ["12/1/1", "12/1/2", "12/1/3", "12/1/4"]
    assert lines[0]["kind"] == "BOOT"
    assert lines[0]["incarnation"] == "00" * 8
    assert {key: lines[2][key] for key in ("terminal", "epoch", "sequence", "kind", "intent", "outcome", "at")} == {
        "terminal": 12,
        "epoch": 1,
        "sequence": 3,
        "kind": "OUTCOME",
        "intent": 1,
        "outcome": 1,
        "at": 1_900_000_000,
    }
    assert len(bytes.fromhex(lines[2]["tag"])) == 8


def test_list_filters_by_kind_and_range(directory):
    def names(*options):
        return [json.loads(line)["sequence"] for line in run("list", directory, "--json", *options).output.splitlines()]

    assert names("--kind", "boot") == [1]
    assert names("--kind", "OUTCOME", "--first", "3") == [3, 4]
    assert names("--first", "2", "--last", "3") == [2, 3]
    assert names("--kind", "OUTCOME", "--kind", "BOOT") == [1, 2, 3, 4]
    assert run("list", directory).output.splitlines()[1].split() == [
        "12/1/2",
        "OUTCOME",
        "intent=0",
        "outcome=1",
        "at=1900000000",
    ]


def test_list_works_beside_a_running_terminal_up_to_the_durable_mark(directory):
    with open_journal(directory) as journal:
        journal.append(*encode_record(Seal(1)), durable=False)
        assert len(run("list", directory, "--json").output.splitlines()) == 5
        assert len(run("list", directory, "--json", "--all").output.splitlines()) == 6
        assert run("check", directory).exit_code == 0


def test_a_record_this_software_does_not_know_is_shown_raw(directory):
    with open_journal(directory) as journal:
        journal.append(200, b"\xff\x00", durable=True)
    last = json.loads(run("list", directory, "--json").output.splitlines()[-1])
    assert (last["kind"], last["payload"]) == (200, "ff00")
    assert "payload=ff00" in run("list", directory).output
