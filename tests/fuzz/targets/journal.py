"""What lies in a journal: on a terminal's disk after any failure, and on the stick or laptop that brings it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from onecard.identity import RecordName, TerminalNumber
from onecard.journal.errors import JournalError
from onecard.journal.frame import (
    CHAIN_KEY_SIZE,
    HEAD,
    MAX_PAYLOAD,
    TAG_SIZE,
    Frame,
    chain_tag,
    decode_frame,
    encode_frame,
    first_tag,
    salt_seed,
)
from onecard.journal.gaps import Missing
from onecard.journal.header import HEADER_SIZE, Cause, SegmentHeader
from onecard.journal.mark import MARK_SIZE, DurableMark, decode_mark
from onecard.journal.mutable_change import BadChange, Clear, Delete, Drop, Listed, Operations, Put, encode_operation
from onecard.journal.mutable_state import TableState
from onecard.journal.reader import JournalReader
from onecard.journal.recovery import recover
from onecard.journal.walk import Entry
from tests.crash.memory_disk import DIRECTORY, MemoryDisk
from tests.examples import examples
from tests.fuzz.bombs import byte_bombs
from tests.fuzz.byte_lies import BYTE_LIES
from tests.fuzz.target import Budget, NoValue, Target, or_no_value

_KEY = bytes(range(CHAIN_KEY_SIZE))
_SALT = bytes.fromhex("5a17c0ffee5a1700")
_SEED = salt_seed(_SALT)
_TERMINAL = 7
_SIZE = 16_384
_FILE = "seg-00000001.ocj"
_CRC_SIZE = 4
_HEADER_CRC_AT = HEADER_SIZE - _CRC_SIZE


def _frames() -> Iterator[bytes]:
    page, tag = examples("records.md"), first_tag(_KEY, _TERMINAL)
    for sequence, (kind, name) in enumerate(((1, "BOOT"), (2, "INTENT"), (3, "OUTCOME"), (10, "SEAL")), 1):
        tag = chain_tag(_KEY, tag, kind, sequence, page[name])
        yield encode_frame(_SEED, kind, sequence % 2, sequence, page[name], tag=tag)


def _frame_bytes(frame: Frame) -> bytes:
    return encode_frame(_SEED, frame.kind, frame.undurable, frame.sequence, frame.payload, tag=frame.tag)


def _resealed_frame(raw: bytes) -> bytes:
    if len(raw) < HEAD.size:
        return raw
    end = HEAD.size + int.from_bytes(raw[4:6], "big") + TAG_SIZE
    return zlib.crc32(raw[_CRC_SIZE:end], _SEED).to_bytes(_CRC_SIZE, "big") + raw[_CRC_SIZE:]


def _mark() -> bytes:
    return DurableMark(RecordName(TerminalNumber(_TERMINAL), 3, 412), bytes(range(TAG_SIZE))).encode()


def _resealed_mark(raw: bytes) -> bytes:
    head = raw[: MARK_SIZE - _CRC_SIZE]
    return head + zlib.crc32(head).to_bytes(_CRC_SIZE, "big") + raw[MARK_SIZE:]


def _segments() -> Iterator[bytes]:
    header = SegmentHeader(
        terminal=_TERMINAL,
        cause=Cause.MADE,
        epoch=0,
        incarnation=bytes(8),
        number=1,
        segment_size=_SIZE,
        first_sequence=1,
        salt=_SALT,
        previous_tag=first_tag(_KEY, _TERMINAL),
        segments=4,
    ).encode()
    frames = list(_frames())
    yield header
    yield header + b"".join(frames)
    yield header + b"".join(frames[:2]) + frames[2][:-9]
    yield header + b"".join(frames[:1]) + bytes(len(frames[1])) + b"".join(frames[2:])


def _resealed_segment(image: bytes) -> bytes:
    """The header's checksum and, along the lengths as they stand, each frame's tag and checksum made right."""
    if len(image) < HEADER_SIZE:
        return image
    fixed = bytearray(image)
    fixed[_HEADER_CRC_AT:HEADER_SIZE] = zlib.crc32(image[:_HEADER_CRC_AT]).to_bytes(_CRC_SIZE, "big")
    seed, tag, offset = salt_seed(image[40:48]), image[48:56], HEADER_SIZE
    while offset + HEAD.size + TAG_SIZE <= len(fixed):
        _, length, kind, _, sequence = HEAD.unpack_from(fixed, offset)
        tag_at = offset + HEAD.size + length
        end = tag_at + TAG_SIZE
        if not kind or length > MAX_PAYLOAD or end > len(fixed):
            break
        tag = chain_tag(_KEY, tag, kind, sequence, bytes(fixed[offset + HEAD.size : tag_at]))
        fixed[tag_at:end] = tag
        fixed[offset : offset + _CRC_SIZE] = zlib.crc32(fixed[offset + _CRC_SIZE : end], seed).to_bytes(4, "big")
        offset = end
    return bytes(fixed)


@dataclass(frozen=True, slots=True)
class _Read:
    """What a reader makes of a journal: once with the chain key, once without."""

    entries: tuple[list[Entry], list[Entry]]
    missing: tuple[list[Missing], list[Missing]]


def _read(image: bytes) -> _Read:
    entries: tuple[list[Entry], list[Entry]] = [], []
    missing: tuple[list[Missing], list[Missing]] = [], []
    for key, read, holes in zip((None, _KEY), entries, missing, strict=True):
        reader = JournalReader(DIRECTORY, key, disk=MemoryDisk({_FILE: image}))
        read.extend(reader.all_entries(missing=holes.append))
    return _Read(entries, missing)


def _is_told_once(image: bytes, read: _Read) -> bool:
    """Every sequence is an entry or missing, once, and what is an entry lies in the image."""
    for entries, missing in zip(read.entries, read.missing, strict=True):
        told = [(entry.name.sequence, entry.name.sequence) for entry in entries]
        told = sorted(told + [(hole.first, hole.last) for hole in missing])
        if any(last >= first for (_, last), (first, _) in pairwise(told)):
            return False
        if not all(entry.payload + entry.tag in image.ljust(_SIZE, b"\0") for entry in entries):
            return False
    return True


@dataclass(frozen=True, slots=True)
class _Recovered:
    """How a journal ends after recovery, and what then lies on the medium."""

    durable: int
    tag: bytes
    salvaged: bool
    image: bytes


def _recover(image: bytes) -> _Recovered:
    disk = MemoryDisk({_FILE: image})
    tail = recover(disk, DIRECTORY, _KEY, salvage=True)
    return _Recovered(tail.durable, tail.durable_tag, tail.offsets is None, disk.after_a_cut()[_FILE])


def _stays_so(image: bytes, found: _Recovered) -> bool:
    """Recovered again it is the same; a damaged segment is not touched."""
    return _recover(found.image) == found and (found.image == image or not found.salvaged)


def _operations() -> Iterator[bytes]:
    made = [Listed("config", 1), Put("config", 1, b'{"lang":"zh"}'), Put("config", 2, b'{"part":"%s"}' % (b"a" * 4000))]
    yield _payloads([made])
    yield _payloads([made, [Delete("config", 1), Clear("config")], [Drop("config"), Listed("青", 9)]])
    yield _payloads([[Listed("t", 5)], []])


def _payloads(operations: list[list[Listed | Put | Delete | Clear | Drop]]) -> bytes:
    payloads = [payload for operation in operations for payload in encode_operation(operation)]
    return b"".join(bytes([kind]) + len(payload).to_bytes(2, "big") + payload for kind, payload in payloads)


def _replay(raw: bytes) -> TableState:
    """The tables of payloads: each a kind byte, its length (u16) and that many bytes."""
    state, operations = TableState(), Operations()
    while raw:
        end = 3 + int.from_bytes(raw[1:3], "big")
        state.apply(operations.add(raw[0], raw[3:end]) or ())
        raw = raw[end:]
    return state


def _is_told_by_its_snapshot(raw: bytes, state: TableState) -> bool:
    again, operations = TableState(), Operations()
    for kind, payload in state.snapshot():
        again.apply(operations.add(kind, payload) or ())
    return again.snapshot() == state.snapshot() and not operations.unfinished


_SEGMENT_BUDGET = Budget(lines=(8_000, 80))

TARGETS = (
    Target(
        "frame",
        _frames,
        or_no_value(lambda raw: decode_frame(raw, 0, _SEED)),
        (NoValue,),
        lambda raw, frame: _frame_bytes(frame) == raw[: frame.end],
        BYTE_LIES,
        byte_bombs,
        resealed=_resealed_frame,
    ),
    Target(
        "mark",
        lambda: [_mark()],
        or_no_value(decode_mark),
        (NoValue,),
        lambda raw, mark: mark.encode()[:10] == raw[:10] and mark.encode()[12:32] == raw[12:32],
        BYTE_LIES,
        byte_bombs,
        resealed=_resealed_mark,
    ),
    Target(
        "segment",
        _segments,
        _read,
        (JournalError,),
        _is_told_once,
        BYTE_LIES,
        byte_bombs,
        resealed=_resealed_segment,
        budget=_SEGMENT_BUDGET,
    ),
    Target(
        "recovery",
        _segments,
        _recover,
        (JournalError,),
        _stays_so,
        BYTE_LIES,
        byte_bombs,
        resealed=_resealed_segment,
        budget=_SEGMENT_BUDGET,
    ),
    Target("tables", _operations, _replay, (BadChange,), _is_told_by_its_snapshot, BYTE_LIES, byte_bombs),
)
