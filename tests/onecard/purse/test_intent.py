"""From a journaled INTENT back to its record and to evidence: one rule for terminal and server."""

from __future__ import annotations

import dataclasses

import pytest

from onecard.kinds import ClockQuality, Outcome, Purpose
from onecard.purse.intent import base_record, evidence, intent_record, ring_images
from onecard.purse.plan import append
from onecard.purse.record import DebitRecord, LoadReference, decode, encode, record_key
from onecard.purse.resolution import Evidence
from onecard.purse.ring import read_ring, ring_bytes
from onecard.records import Intent

_UID = b"\x01\x02\x03\x04"
_KEY = record_key(bytes(16), _UID)
_OLDER = DebitRecord(9, LoadReference(0, 3), 100, 5, 17)
_BASE = DebitRecord(10, LoadReference(0, 3), 130, 6, 18)
_IMAGES = [encode(_OLDER, _KEY, 0), encode(_BASE, _KEY, 0), b"\xee" * 16]
_RING = read_ring(_IMAGES, lambda image: decode(image, [_KEY], 0))
_WRITE = append(_RING, 45, 7, 0x1FE, LoadReference.of(1, 12))
_INTENT = Intent(
    at=1,
    clock=ClockQuality.TRUSTED,
    shift=1,
    business_day=1,
    operator=0,
    uid=_UID,
    card_number=18,
    purse=0,
    purpose=Purpose.SALE,
    amount=45,
    counter=11,
    debited=175,
    base_slot=1,
    ring=ring_bytes(_RING, _IMAGES),
    copy=1,
    load_sequence=12,
    loaded=1000,
    pays=0,
    list_price=45,
    tier=1,
    film_class=1,
    time_slot=0,
    tickets=1,
    tariff_version=1,
)


def test_a_blank_slot_is_not_seen() -> None:
    assert ring_images(_INTENT) == [*_IMAGES[:2], bytes(16)]
    lone = dataclasses.replace(_INTENT, ring=bytes(16) + _IMAGES[1] + bytes(16))
    assert evidence(lone, 0x1FE, 7, None).seen == (_BASE.identity,)


def test_an_intent_leads_to_the_record_that_was_written() -> None:
    assert intent_record(_INTENT, 0x1FE, 7) == _WRITE.record
    assert encode(intent_record(_INTENT, 0x1FE, 7), _KEY, 0) == encode(_WRITE.record, _KEY, 0)
    assert base_record(_INTENT) == _BASE


@pytest.mark.parametrize("outcome", [None, *Outcome])
def test_an_intent_is_evidence_of_what_it_stood_on_and_saw(outcome: Outcome | None) -> None:
    assert evidence(_INTENT, 0x1FE, 7, outcome) == Evidence(
        sequence=0x1FE,
        record=_WRITE.record.identity,
        base=_BASE.identity,
        seen=(_OLDER.identity, _BASE.identity),
        amount=45,
        outcome=outcome,
    )
