"""The bytes of format version 1, against vectors made without our code; and that such a journal is read for ever."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from onecard.identity import RecordName, TerminalNumber
from onecard.journal import BadHeader, DurableMark, JournalReader
from onecard.journal.frame import chain_tag, decode_frame, encode_frame, first_tag, salt_seed
from onecard.journal.header import READERS, VERSION, Cause, SegmentHeader, decode_header
from onecard.journal.mark import decode_mark

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "journal_v1.json").read_text())
KEY = bytes.fromhex(VECTORS["chain_key"])
SEED = salt_seed(bytes.fromhex(VECTORS["salt"]))


def test_a_header_that_is_too_short_or_not_ours_is_refused():
    raw = bytes.fromhex(VECTORS["header"]["bytes"])
    for size in range(64):
        with pytest.raises(BadHeader):
            decode_header(raw[:size], Path("seg"))
    with pytest.raises(BadHeader):
        decode_header(bytes(64), Path("seg"))


def test_zero_filled_space_is_no_frame():
    assert decode_frame(bytes(16_384), 64, SEED) is None


def test_header_bytes():
    vector = VECTORS["header"]
    header = SegmentHeader(
        terminal=VECTORS["terminal"],
        cause=Cause(vector["cause"]),
        epoch=vector["epoch"],
        incarnation=bytes.fromhex(vector["incarnation"]),
        number=vector["number"],
        segment_size=vector["segment_size"],
        first_sequence=vector["first_sequence"],
        salt=bytes.fromhex(VECTORS["salt"]),
        previous_tag=bytes.fromhex(VECTORS["first_tag"]),
        segments=vector["segments"],
    )
    raw = bytes.fromhex(vector["bytes"])
    assert header.encode() == raw
    assert decode_header(raw, Path("seg")) == header
    assert first_tag(KEY, VECTORS["terminal"]) == header.previous_tag


def test_frame_bytes():
    previous = bytes.fromhex(VECTORS["first_tag"])
    for vector in VECTORS["frames"]:
        kind, undurable, sequence = vector["kind"], vector["undurable"], vector["sequence"]
        payload, tag, raw = (bytes.fromhex(vector[name]) for name in ("payload", "tag", "bytes"))
        assert chain_tag(KEY, previous, kind, sequence, payload) == tag
        assert encode_frame(SEED, kind, undurable, sequence, payload, tag=tag) == raw
        assert decode_frame(raw, 0, SEED) == (0, kind, undurable, sequence, payload, tag)
        previous = tag


def test_mark_bytes():
    vector = VECTORS["mark"]
    name = RecordName(TerminalNumber(VECTORS["terminal"]), vector["epoch"], vector["sequence"])
    mark = DurableMark(name, bytes.fromhex(vector["tag"]))
    assert mark.encode().hex() == vector["bytes"]
    assert decode_mark(bytes.fromhex(vector["bytes"])) == mark


def test_every_version_ever_released_has_its_vectors_and_its_upgrade_test():
    vectors = Path(__file__).parents[2] / "vectors"
    for version in READERS:
        assert (vectors / f"journal_v{version}.json").exists()
        assert f"test_a_journal_of_version_{version}_is_read_and_continued" in globals()
    assert VERSION in READERS


def test_a_journal_of_version_1_is_read_and_continued(place):
    place.directory.mkdir()
    image = bytes.fromhex(VECTORS["header"]["bytes"] + "".join(f["bytes"] for f in VECTORS["frames"]))
    place.segment().write_bytes(image.ljust(16_384, b"\0"))
    (place.directory / "pool-00000002.ocj").write_bytes(bytes(16_384))
    (place.directory / "LOCK").touch()
    (place.directory / "DURABLE").write_bytes(bytes.fromhex(VECTORS["mark"]["bytes"]))
    entries = list(JournalReader(place.directory, KEY).entries())
    assert [(e.name.epoch, e.name.sequence, e.payload.hex()) for e in entries] == [
        (1, f["sequence"], f["payload"]) for f in VECTORS["frames"]
    ]
    with place.open() as journal:
        assert (journal.epoch, journal.next_sequence) == (2, 6)
        assert list(journal.entries())[:4] == entries
