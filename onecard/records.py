"""The journal's records: what a terminal did, each kind a fixed array by schema version.

Wire form (docs/formats/records.md): the strict CBOR array `[schema version, field, field, …]`, fields in the order of
the dataclass. The kind is not in the array: the journal's frame and the bundle carry it beside the payload. A field
outside its bounds, a missing or an extra one is `BadRecord`. A schema version, once released, is read for ever.

Names: (terminal, epoch, sequence) is not in the payload either; the frame gives the sequence, the last BOOT before it
the epoch (I-04).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum, unique
from operator import contains
from typing import Any, ClassVar, NamedTuple, TypeAlias

from onecard import cbor
from onecard.errors import OnecardError
from onecard.kinds import ClockQuality, DeclineReason, Outcome, Purpose

RING_SIZE = 48
"""A ring as seen: three 16-byte blocks in slot order, an invalid block as 16 zero bytes."""


@unique
class RecordKind(IntEnum):
    """The kind byte of a journal frame."""

    BOOT = 1
    INTENT = 2
    OUTCOME = 3
    DECLINE = 4
    SHIFT = 5
    ISSUE = 6
    APPLIED = 7
    ACK = 8
    GAP = 9
    SEAL = 10


class BadRecord(OnecardError):
    """A payload that is no record of its kind."""

    def __init__(self, kind: int, why: str) -> None:
        self.kind = kind
        self.why = why
        super().__init__(f"record of kind {kind}: {why}")


class _Bound(NamedTuple):
    """What a field may hold: values of exactly this `kind` that are in `allowed`."""

    kind: type
    allowed: Container[Any]
    words: str

    def holds(self, value: object) -> bool:
        """Whether `value` is such a one; a member of an `IntEnum` is a number, a bool is none."""
        kind = int if isinstance(value, IntEnum) else type(value)
        return kind is self.kind and value in self.allowed


@dataclass(frozen=True, slots=True)
class _Lengths:
    """All bytes or texts of these lengths."""

    allowed: Container[int]

    def __contains__(self, value: object) -> bool:
        assert isinstance(value, bytes | str)
        return len(value) in self.allowed


def _field(kind: type, allowed: Container[Any], words: str, **shape: object) -> Any:
    """A field with its bound, and its `shape` for the pages and tests that describe it."""
    return dataclasses.field(metadata=shape | {"bound": _Bound(kind, allowed, words)})


def _unsigned(bits: int) -> Any:
    return _field(int, range(1 << bits), f"is not an unsigned number of {bits} bits", bits=bits)


def _wide() -> Any:
    """A sequence or version: 63 bits, so that a database column of signed 64 bits holds every one."""
    return _unsigned(63)


def _instant() -> Any:
    """Seconds since 1970-01-01 UTC, to the year 6325: every one is a date, whatever a terminal's clock claims."""
    return _unsigned(37)


def _one_of(numbers: Iterable[int]) -> Any:
    listed = frozenset(map(int, numbers))
    return _field(int, listed, "is not in its closed list", one_of=listed)


def _raw(*sizes: int) -> Any:
    return _field(bytes, _Lengths(frozenset(sizes)), f"is not {' or '.join(map(str, sizes))} bytes", sizes=sizes)


def _text(longest: int) -> Any:
    return _field(str, _Lengths(range(longest + 1)), f"is not a text of at most {longest} characters", longest=longest)


@dataclass(frozen=True, slots=True)
class Boot:
    """A start: opens an epoch, tells what recovery found."""

    KIND: ClassVar = RecordKind.BOOT
    epoch: int = _unsigned(32)
    incarnation: bytes = _raw(8)  # random, so that a copied image cannot speak for the same epoch
    at: int = _instant()
    clock: int = _one_of(ClockQuality)
    software: str = _text(32)
    recovered_from: int = _wide()  # last sequence found, 0 for an empty journal
    torn_bytes: int = _unsigned(32)
    gap_first: int = _wide()  # first and last sequence known to be missing; 0 and 0 for none
    gap_last: int = _wide()


@dataclass(frozen=True, slots=True)
class Intent:
    """A ring record about to be written, durable before the card is touched (P-R2, I-01)."""

    KIND: ClassVar = RecordKind.INTENT
    at: int = _instant()
    clock: int = _one_of(ClockQuality)
    shift: int = _unsigned(32)
    business_day: int = _unsigned(16)
    operator: int = _unsigned(40)  # card number of who is signed on, 0 for nobody
    uid: bytes = _raw(4, 7)
    card_number: int = _unsigned(40)
    purse: int = _unsigned(4)
    purpose: int = _one_of(Purpose)
    amount: int = _unsigned(32)  # what N rises by; 0 for a null record
    counter: int = _unsigned(20)  # of the record to be written
    debited: int = _unsigned(32)  # N stated by it
    base_slot: int = _one_of(range(3))  # where the newest record lies in `ring`
    ring: bytes = _raw(RING_SIZE)  # ring as seen before the write
    copy: int = _unsigned(1)  # certificate copy in force with this record
    load_sequence: int = _unsigned(24)  # L in force with this record
    loaded: int = _unsigned(32)  # its P
    pays: int = _wide()  # sequence of the sale that a SEAL settles, else 0
    list_price: int = _unsigned(32)
    tier: int = _unsigned(8)
    film_class: int = _unsigned(8)
    time_slot: int = _unsigned(8)
    tickets: int = _unsigned(8)
    tariff_version: int = _unsigned(32)


@dataclass(frozen=True, slots=True)
class OutcomeRecord:
    """The final word on one intent; PAID and ABANDONED are durable before anything is shown (P-R3, P-R6)."""

    KIND: ClassVar = RecordKind.OUTCOME
    intent: int = _wide()  # its sequence
    outcome: int = _one_of(Outcome)
    at: int = _instant()


@dataclass(frozen=True, slots=True)
class Decline:
    """A tap refused before any intent."""

    KIND: ClassVar = RecordKind.DECLINE
    at: int = _instant()
    clock: int = _one_of(ClockQuality)
    shift: int = _unsigned(32)
    business_day: int = _unsigned(16)
    operator: int = _unsigned(40)
    reason: int = _one_of(DeclineReason)
    uid: bytes = _raw(0, 4, 7)  # empty when no single card was selected
    card_number: int = _unsigned(40)  # 0 when unknown
    purse: int = _unsigned(4)
    amount: int = _unsigned(32)  # what was asked, 0 when no price was reached
    ring: bytes = _raw(0, RING_SIZE)


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift opened or closed; its number fixes the business day of its records."""

    KIND: ClassVar = RecordKind.SHIFT
    at: int = _instant()
    clock: int = _one_of(ClockQuality)
    shift: int = _unsigned(32)
    business_day: int = _unsigned(16)
    operator: int = _unsigned(40)
    opened: int = _unsigned(1)  # 1 opened, 0 closed with the totals below
    paid_count: int = _unsigned(32)
    paid_fen: int = _unsigned(40)
    abandoned_count: int = _unsigned(32)
    abandoned_fen: int = _unsigned(40)
    declined_count: int = _unsigned(32)


@dataclass(frozen=True, slots=True)
class Issue:
    """A card about to be personalised at a desk, or (its OUTCOME) personalised and verified."""

    KIND: ClassVar = RecordKind.ISSUE
    at: int = _instant()
    clock: int = _one_of(ClockQuality)
    job: int = _unsigned(32)
    operator: int = _unsigned(40)
    uid: bytes = _raw(4, 7)
    card_number: int = _unsigned(40)
    purse: int = _unsigned(4)
    certificate: bytes = _raw(96)
    ring: bytes = _raw(RING_SIZE)  # the first ring


@dataclass(frozen=True, slots=True)
class Applied:
    """A downlink table came into force at this terminal."""

    KIND: ClassVar = RecordKind.APPLIED
    at: int = _instant()
    table: int = _unsigned(8)  # downlink.Table
    version: int = _wide()


@dataclass(frozen=True, slots=True)
class Ack:
    """The server's acknowledgement, verified against our own chain."""

    KIND: ClassVar = RecordKind.ACK
    at: int = _instant()
    generation: int = _unsigned(32)
    received: int = _wide()
    safe: int = _wide()
    safe_tag: bytes = _raw(0, 8)  # empty while nothing is safe
    hotlist: int = _wide()  # version of the hotlist that was the server's newest then, 0 for none
    state: int = _wide()  # the same of the state table


@dataclass(frozen=True, slots=True)
class Gap:
    """Records known to be lost here."""

    KIND: ClassVar = RecordKind.GAP
    at: int = _instant()
    first: int = _wide()
    last: int = _wide()
    reason: str = _text(120)


@dataclass(frozen=True, slots=True)
class Seal:
    """Closes an idle run, so that the record before it is vouched for."""

    KIND: ClassVar = RecordKind.SEAL
    at: int = _instant()


Record: TypeAlias = Boot | Intent | OutcomeRecord | Decline | Shift | Issue | Applied | Ack | Gap | Seal

SCHEMAS: dict[tuple[int, int], type[Record]] = {
    (RecordKind.BOOT, 1): Boot,
    (RecordKind.INTENT, 1): Intent,
    (RecordKind.OUTCOME, 1): OutcomeRecord,
    (RecordKind.DECLINE, 1): Decline,
    (RecordKind.SHIFT, 1): Shift,
    (RecordKind.ISSUE, 1): Issue,
    (RecordKind.APPLIED, 1): Applied,
    (RecordKind.ACK, 1): Ack,
    (RecordKind.GAP, 1): Gap,
    (RecordKind.SEAL, 1): Seal,
}
"""Every schema ever released: (kind, version) → dataclass."""

_CURRENT = 1


class _Fields(NamedTuple):
    """The fields of a schema side by side, so that a record's values are checked against them all at once."""

    names: tuple[str, ...]
    bounds: tuple[_Bound, ...]
    kinds: list[type]
    allowed: tuple[Container[Any], ...]

    @classmethod
    def of(cls, schema: type[Record]) -> _Fields:
        fields = dataclasses.fields(schema)
        bounds = tuple(field.metadata["bound"] for field in fields)
        return cls(
            tuple(field.name for field in fields),
            bounds,
            [bound.kind for bound in bounds],
            tuple(bound.allowed for bound in bounds),
        )

    def hold(self, values: Sequence[cbor.Value]) -> bool:
        """Whether as many decoded `values` are each within their bound."""
        return list(map(type, values)) == self.kinds and all(map(contains, self.allowed, values))


_FIELDS = {schema: _Fields.of(schema) for schema in SCHEMAS.values()}


def encode_record(record: Record) -> tuple[RecordKind, bytes]:
    """The kind and payload of a record. A field out of bounds is a programmer's error."""
    values: list[cbor.Value] = [_CURRENT]
    fields = _FIELDS[type(record)]
    for name, bound in zip(fields.names, fields.bounds, strict=True):
        value: cbor.Value = getattr(record, name)
        assert bound.holds(value), f"{name} {bound.words}: {value!r}"
        values.append(int(value) if isinstance(value, int) else value)
    return record.KIND, cbor.encode(values)


def decode_record(kind: int, payload: bytes) -> Record:
    """The record of a payload. Raises `BadRecord`."""
    try:
        version, *values = cbor.decode_array(payload, cbor.RECORD)
    except (cbor.BadCbor, ValueError) as error:
        raise BadRecord(kind, str(error)) from error
    schema = SCHEMAS.get((kind, version)) if isinstance(version, int) else None
    if schema is None:
        raise BadRecord(kind, f"no schema {version!r} of this kind is known")
    fields = _FIELDS[schema]
    if len(values) != len(fields.names):
        raise BadRecord(kind, f"{len(values)} fields, {schema.__name__} has {len(fields.names)}")
    if not fields.hold(values):
        named = zip(fields.names, fields.bounds, values, strict=True)
        raise BadRecord(kind, next(f"{name} {bound.words}" for name, bound, value in named if not bound.holds(value)))
    build: Callable[..., Record] = schema
    return build(*values)


def document(record: Record) -> dict[str, Any]:
    """The record as a flat mapping for questions: the kind's name, then every field."""
    return {"kind": record.KIND.name} | {f.name: getattr(record, f.name) for f in dataclasses.fields(record)}
