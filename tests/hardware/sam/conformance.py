"""What every SAM must do; each check takes a maker of a SAM that holds the masters it is given.

A hardware SAM's maker loads the masters into the module. What it computes is compared with `onecard.purse.record` and
`onecard.card_keys`, which are held to NIST's and NXP's vectors elsewhere.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

import pytest

from hardware.sam.port import Sam
from onecard.card_keys import classic_key_a, desfire_debit_key
from onecard.keys import KeyRing, Role
from onecard.purse import record as records
from onecard.purse.record import DebitRecord, LoadReference

Masters: TypeAlias = Mapping[tuple[Role, int], bytes]
MakeSam: TypeAlias = Callable[[KeyRing], Sam]

UID, OTHER = bytes.fromhex("04782e21801d80"), bytes.fromhex("d610b626")
OLD = {
    (Role.DEBIT_MAC, 1): bytes(range(16)),
    (Role.CLASSIC_READ_WRITE, 1): bytes(range(16, 32)),
    (Role.DESFIRE_DEBIT, 1): bytes(range(128, 144)),
}
NEW = {
    (Role.DEBIT_MAC, 2): bytes(range(32, 48)),
    (Role.CLASSIC_READ_WRITE, 2): bytes(range(48, 64)),
    (Role.DESFIRE_DEBIT, 2): bytes(range(144, 160)),
}
APPLICATIONS = bytes.fromhex("00caf0"), bytes.fromhex("01caf0")
RECORD = DebitRecord(counter=7, load_reference=LoadReference.of(1, 3), debited=1250, terminal=17, sequence_byte=0x2A)


def a_record_it_wrote_is_right_for_that_card_and_purse_only(make: MakeSam) -> None:
    sam = make(KeyRing(OLD))
    image = sam.record_image(RECORD, UID, 2)
    assert image == records.encode(RECORD, records.record_key(OLD[Role.DEBIT_MAC, 1], UID), 2)
    assert sam.record(image, UID, 2) == RECORD
    assert sam.record(image, UID, 1) is None, "a record of one purse is garbage in another (H21)"
    assert sam.record(image, OTHER, 2) is None


def a_record_with_any_bit_flipped_is_none(make: MakeSam) -> None:
    sam = make(KeyRing(OLD))
    image = int.from_bytes(sam.record_image(RECORD, UID, 0), "big")
    assert not [bit for bit in range(128) if sam.record((image ^ 1 << bit).to_bytes(16, "big"), UID, 0)]


def it_writes_under_the_current_version_and_reads_the_previous(make: MakeSam) -> None:
    """P-R27."""
    before, during, after = make(KeyRing(OLD)), make(KeyRing(OLD | NEW)), make(KeyRing(NEW))
    old, new = before.record_image(RECORD, UID, 0), during.record_image(RECORD, UID, 0)
    assert during.record(old, UID, 0) == during.record(new, UID, 0) == RECORD
    assert new == after.record_image(RECORD, UID, 0)
    assert before.record(new, UID, 0) is None
    assert after.record(old, UID, 0) is None


def it_offers_a_sectors_keys_current_first(make: MakeSam) -> None:
    sam = make(KeyRing(OLD | NEW))
    masters = (NEW[Role.CLASSIC_READ_WRITE, 2], OLD[Role.CLASSIC_READ_WRITE, 1])
    assert list(sam.classic_keys(UID, 5)) == [classic_key_a(master, UID, 5) for master in masters]


def it_offers_an_applications_keys_current_first(make: MakeSam) -> None:
    sam = make(KeyRing(OLD | NEW))
    masters = (NEW[Role.DESFIRE_DEBIT, 2], OLD[Role.DESFIRE_DEBIT, 1])
    assert list(sam.desfire_keys(UID, APPLICATIONS[0])) == [desfire_debit_key(m, UID, APPLICATIONS[0]) for m in masters]


def keys_of_two_applications_and_of_two_cards_differ(make: MakeSam) -> None:
    sam = make(KeyRing(OLD))
    assert len({sam.desfire_keys(uid, each)[0] for uid in (UID, OTHER) for each in APPLICATIONS}) == 4


def keys_of_two_sectors_and_of_two_cards_differ(make: MakeSam) -> None:
    sam = make(KeyRing(OLD))
    keys = {sam.classic_keys(uid, sector)[0] for uid in (UID, OTHER) for sector in range(16)}
    assert len(keys) == 32


def no_master_key_is_shown(make: MakeSam) -> None:
    """Not by its text, nor by an error, nor by a copy of it."""
    sam = make(KeyRing(OLD | NEW))
    told = [repr(sam), str(sam), f"{sam!r:>200}"]
    for provoke in (
        lambda: sam.record(b"short", UID, 0),
        lambda: sam.record_image(replace(RECORD, counter=1 << 20), UID, 0),
        lambda: pickle.dumps(sam),
        lambda: copy.deepcopy(sam),
    ):
        with pytest.raises(Exception) as error:
            provoke()
        told.append(repr(error.value))
    for key in (OLD | NEW).values():
        for text in told:
            assert key.hex() not in text.lower()
            assert repr(key)[2:-1] not in text


CHECKS = (
    a_record_it_wrote_is_right_for_that_card_and_purse_only,
    a_record_with_any_bit_flipped_is_none,
    it_writes_under_the_current_version_and_reads_the_previous,
    it_offers_a_sectors_keys_current_first,
    it_offers_an_applications_keys_current_first,
    keys_of_two_sectors_and_of_two_cards_differ,
    keys_of_two_applications_and_of_two_cards_differ,
    no_master_key_is_shown,
)
