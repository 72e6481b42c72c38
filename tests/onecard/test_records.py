"""Records: every field's bounds, one payload for one record, sizes that fit the journal's budget."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecard import cbor, records
from onecard.identity import card_number
from onecard.journal.frame import MAX_PAYLOAD, OVERHEAD
from onecard.kinds import ClockQuality, DeclineReason, Outcome, Purpose
from onecard.records import (
    SCHEMAS,
    BadRecord,
    Intent,
    OutcomeRecord,
    Record,
    RecordKind,
    Seal,
    decode_record,
    document,
    encode_record,
)


def _values(field: dataclasses.Field[Any]) -> st.SearchStrategy[Any]:
    match field.metadata:
        case {"bits": bits}:
            return st.sampled_from((0, (1 << bits) - 1)) | st.integers(0, (1 << bits) - 1)
        case {"one_of": numbers}:
            return st.sampled_from(sorted(numbers))
        case {"sizes": sizes}:
            return st.sampled_from(sizes).flatmap(lambda size: st.binary(min_size=size, max_size=size))
        case {"longest": longest}:
            return st.text(st.characters(exclude_categories=("Cs",)), max_size=longest)
        case _:
            raise AssertionError(field.name)


def _made(schema: type[Record]) -> st.SearchStrategy[Record]:
    return st.builds(schema, *map(_values, dataclasses.fields(schema)))


def _plain(schema: type[Record]) -> list[cbor.Value]:
    """The smallest legal values of a schema, in order, behind the schema version."""

    def smallest(field: dataclasses.Field[Any]) -> cbor.Value:
        match field.metadata:
            case {"bits": _}:
                return 0
            case {"one_of": numbers}:
                return min(numbers)
            case {"sizes": sizes}:
                return bytes(min(sizes))
            case _:
                return ""

    return [1, *map(smallest, dataclasses.fields(schema))]


def _wrong(field: dataclasses.Field[Any]) -> list[cbor.Value]:
    match field.metadata:
        case {"bits": bits}:
            return [-1, 1 << bits, b"\0", "0", [0]]
        case {"one_of": numbers}:
            return [-1, max(numbers) + 1, b"\1", "1", [1]]
        case {"sizes": sizes}:
            around = {size + step for size in sizes for step in (-1, 1)} - {-1, *sizes}
            return [*map(bytes, sorted(around)), 0, "text", []]
        case {"longest": longest}:
            return ["x" * (longest + 1), b"", 0, []]
        case _:
            raise AssertionError(field.name)


_ALL = pytest.mark.parametrize("schema", SCHEMAS.values(), ids=lambda schema: schema.__name__)


# Refused.


@_ALL
def test_every_bound_of_every_field_is_held(schema: type[Record]) -> None:
    for place, field in enumerate(dataclasses.fields(schema), start=1):
        for wrong in _wrong(field):
            values = _plain(schema)
            values[place] = wrong
            with pytest.raises(BadRecord, match=field.name):
                decode_record(schema.KIND, cbor.encode(values))
                pytest.fail(f"{field.name} = {wrong!r}")


@_ALL
def test_a_missing_or_an_extra_field_is_refused(schema: type[Record]) -> None:
    values = _plain(schema)
    for odd in (values[:-1], [*values, 0]):
        with pytest.raises(BadRecord, match=f"{len(odd) - 1} fields, {schema.__name__} has {len(values) - 1}"):
            decode_record(schema.KIND, cbor.encode(odd))


@pytest.mark.parametrize("version", [0, 2, -1, 1 << 63, b"\1", "1", [1]])
def test_a_schema_that_was_never_released_is_refused(version: cbor.Value) -> None:
    with pytest.raises(BadRecord, match="no schema"):
        decode_record(RecordKind.SEAL, cbor.encode([version, 0]))


@pytest.mark.parametrize("kind", [0, 11, 255])
def test_an_unknown_kind_is_refused(kind: int) -> None:
    with pytest.raises(BadRecord, match=f"kind {kind}") as refusal:
        decode_record(kind, cbor.encode([1, 0]))
    assert refusal.value.kind == kind


@pytest.mark.parametrize(
    "payload", [b"", b"\x80", b"\x00", b"\x82\x01", b"\x82\x01\x18\x17", b"\x82\x01\x00\x00", b"\xa0", b"\x82\x01\xf5"]
)
def test_what_is_not_a_strict_array_is_refused(payload: bytes) -> None:
    with pytest.raises(BadRecord):
        decode_record(RecordKind.SEAL, payload)


def test_writing_a_field_out_of_bounds_is_a_programmers_error() -> None:
    with pytest.raises(AssertionError):
        encode_record(OutcomeRecord(intent=1, outcome=0, at=2))


@given(st.sampled_from(sorted(SCHEMAS)), st.binary(max_size=40))
def test_any_bytes_are_a_record_or_a_bad_one(schema: tuple[int, int], payload: bytes) -> None:
    try:
        record = decode_record(schema[0], payload)
    except BadRecord:
        return
    assert encode_record(record) == (schema[0], payload)


# Accepted.


@_ALL
def test_a_record_is_read_back_from_its_payload(schema: type[Record]) -> None:
    @given(_made(schema))
    def round_trip(record: Record) -> None:
        kind, payload = encode_record(record)
        assert kind is schema.KIND
        assert len(payload) <= MAX_PAYLOAD
        assert decode_record(kind, payload) == record
        assert encode_record(decode_record(kind, payload)) == (kind, payload)

    round_trip()


def test_every_kind_has_a_schema_in_force() -> None:
    assert {kind for kind, _ in SCHEMAS} == set(RecordKind)
    assert all(kind == schema.KIND for (kind, _), schema in SCHEMAS.items())


def test_every_instant_is_a_date() -> None:
    """A terminal's clock may claim anything; a page that shows the time must still be drawn."""
    latest = datetime.datetime.fromtimestamp((1 << 37) - 1, datetime.UTC)
    assert latest.year == 6325
    times = [f for schema in SCHEMAS.values() for f in dataclasses.fields(schema) if f.name == "at"]
    assert len(times) == len(SCHEMAS)
    assert all(f.metadata["bits"] == 37 for f in times)


def test_every_number_fits_a_signed_column_of_64_bits() -> None:
    fields = [f for schema in SCHEMAS.values() for f in dataclasses.fields(schema)]
    assert max(f.metadata.get("bits", 0) for f in fields) == 63


def test_closed_lists_are_the_kinds() -> None:
    listed = {
        f.name: f.metadata["one_of"] for s in SCHEMAS.values() for f in dataclasses.fields(s) if "one_of" in f.metadata
    }
    assert listed == {
        "clock": frozenset(ClockQuality),
        "purpose": frozenset(Purpose),
        "outcome": frozenset(Outcome),
        "reason": frozenset(DeclineReason),
        "base_slot": frozenset({0, 1, 2}),
    }


def test_a_document_names_the_kind_and_every_field() -> None:
    assert document(Seal(at=7)) == {"kind": "SEAL", "at": 7}


# Sizes (the journal's flash budget: two frames a paid tap, 100 bytes each on average).


def _busy_intent(**changes: Any) -> Intent:
    """A ticket sold in the terminal's second year: no number small by accident."""
    ring = bytes(range(1, 17)) * 3
    plain = Intent(
        at=1_800_000_000,
        clock=ClockQuality.TRUSTED,
        shift=900,
        business_day=9_600,
        operator=card_number(70_123),
        uid=b"\x04\xa1\xb2\xc3\xd4\xe5\xf6",
        card_number=card_number(86_421),
        purse=0,
        purpose=Purpose.SALE,
        amount=4_500,
        counter=137,
        debited=616_500,
        base_slot=2,
        ring=ring,
        copy=1,
        load_sequence=12,
        loaded=700_000,
        pays=0,
        list_price=9_000,
        tier=3,
        film_class=2,
        time_slot=4,
        tickets=1,
        tariff_version=31,
    )
    return dataclasses.replace(plain, **changes)


def test_a_paid_taps_two_records_average_at_most_100_bytes_on_flash() -> None:
    _, intent = encode_record(_busy_intent())
    _, outcome = encode_record(OutcomeRecord(intent=400_000, outcome=Outcome.PAID, at=1_800_000_001))
    assert OVERHEAD == 24
    assert (len(intent) + len(outcome)) / 2 <= 76
    assert (len(intent) + len(outcome) + 2 * OVERHEAD) / 2 <= 100


def test_the_payload_limit_of_a_record_is_the_frames() -> None:
    assert cbor.RECORD.size == MAX_PAYLOAD
    assert records.RING_SIZE == 48
