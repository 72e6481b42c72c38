"""The bundle: a signed, sealed run of records that names each of them and holds the chain around them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from onecard import cbor
from onecard.bundle import RECORDS_MAX, BadBundle, Run, pack, read_run, unpack, unseal_run
from onecard.envelope import MAX_SIZE, Domain, KeyId, open_envelope, server_key_id, terminal_key_id, verify
from onecard.identity import TerminalNumber
from onecard.journal.frame import MAX_PAYLOAD, chain_tag, first_tag
from onecard.keys import BadSignature
from onecard.kinds import ClockQuality
from onecard.records import Boot, Record, RecordKind, Seal, encode_record
from onecard.sealing import BadSeal

_SIGNING = bytes(range(32))
_SIGNING_PUBLIC = Ed25519PrivateKey.from_private_bytes(_SIGNING).public_key().public_bytes_raw()
_SERVER = bytes(range(1, 33))
_SERVER_PUBLIC = X25519PrivateKey.from_private_bytes(_SERVER).public_key().public_bytes_raw()
_CHAIN_KEY = bytes(range(2, 34))
_KEY_ID = terminal_key_id(7)


def _boot(epoch: int) -> Boot:
    return Boot(
        epoch=epoch,
        incarnation=bytes(8),
        at=1,
        clock=ClockQuality.KEPT,
        software="1",
        recovered_from=0,
        torn_bytes=0,
        gap_first=0,
        gap_last=0,
    )


def _run(*records: Record, first: int = 1, epoch: int = 1) -> Run:
    entries = tuple((int(kind), payload) for kind, payload in map(encode_record, records))
    tag = previous = first_tag(_CHAIN_KEY, 7)
    for place, (kind, payload) in enumerate(entries):
        tag = chain_tag(_CHAIN_KEY, tag, kind, first + place, payload)
    return Run(TerminalNumber(7), first, epoch, previous, entries, tag, {1: 4, 2: 9}, (3, 0, 990, 1_800_000_000))


_RUN = _run(_boot(1), Seal(at=2), Seal(at=3), _boot(2), Seal(at=4))


def _plaintext(run: Run = _RUN) -> bytes:
    return unseal_run(open_envelope(pack(run, _KEY_ID, _SIGNING, _SERVER_PUBLIC)), _SERVER)


def _parts() -> list[Any]:
    return cbor.decode_array(_plaintext(), cbor.BUNDLE)


# Refused.


def test_a_bundle_for_another_server_cannot_be_opened() -> None:
    raw = pack(_RUN, _KEY_ID, _SIGNING, _SERVER_PUBLIC)
    with pytest.raises(BadSeal):
        unpack(open_envelope(raw), bytes(32))


def test_a_sealed_run_cannot_be_signed_over_by_another_terminal() -> None:
    """The kid is bound into the sealing: a thief's terminal cannot pass on what it cannot read as its own."""
    envelope = open_envelope(pack(_RUN, _KEY_ID, _SIGNING, _SERVER_PUBLIC))
    with pytest.raises(BadSeal):
        unpack(dataclasses.replace(envelope, key_id=terminal_key_id(8)), _SERVER)


def test_a_terminal_speaks_only_for_itself() -> None:
    with pytest.raises(BadBundle, match="signed by terminal 8 and speaks for terminal 7"):
        read_run(_plaintext(), terminal_key_id(8))


@pytest.mark.parametrize("key_id", [server_key_id(1), KeyId(b"S", 7, 1), KeyId(b"t", 7, 1)])
def test_only_a_terminal_signs_bundles(key_id: KeyId) -> None:
    with pytest.raises(BadBundle, match="not signed by a terminal"):
        read_run(_plaintext(), key_id)


def test_a_bundles_signature_is_for_bundles() -> None:
    envelope = open_envelope(pack(_RUN, _KEY_ID, _SIGNING, _SERVER_PUBLIC))
    with pytest.raises(BadSignature):
        verify(envelope, Domain.DESK, _SIGNING_PUBLIC)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, 0),  # an older schema
        (0, 2),
        (0, "1"),
        (1, "7"),
        (2, 0),
        (2, -1),
        (2, (1 << 63) - 4),  # the last record's sequence would not fit a column
        (3, -1),
        (3, 1 << 32),
        (4, bytes(7)),
        (4, b""),
        (5, 1),
        (5, [10]),
        (5, [10, b"", 10]),
        (5, ["10", b""]),
        (5, [10, "text"]),
        (5, [b"", 10]),
        (5, [0, b""]),
        (5, [256, b""]),
        (5, [-1, b""]),
        (5, [10, bytes(MAX_PAYLOAD + 1)]),
        (5, [[10, b""]]),
        (5, [10, b""] * (RECORDS_MAX + 1)),
        (6, bytes(9)),
        (7, [1, 4]),
        (7, [[1]]),
        (7, [[1, 4, 0]]),
        (7, [[1, "4"]]),
        (7, [[2, 9], [1, 4]]),
        (7, [[1, 4], [1, 5]]),
        (8, ["3", 0, 0]),
        (8, [[3]]),
        (8, [0] * 65),
    ],
)
def test_an_odd_part_is_refused(place: int, value: Any) -> None:
    parts = _parts()
    parts[place] = value
    with pytest.raises(BadBundle) as refusal:
        read_run(cbor.encode(parts), _KEY_ID)
    assert refusal.value.terminal == 7


def test_a_missing_or_extra_part_is_refused() -> None:
    for parts in (_parts()[:-1], [*_parts(), 0], []):
        with pytest.raises(BadBundle, match="nine parts"):
            read_run(cbor.encode(parts), _KEY_ID)


@given(st.binary(max_size=80))
def test_any_plaintext_is_refused_by_the_one_error(plaintext: bytes) -> None:
    with pytest.raises(BadBundle):
        read_run(plaintext, _KEY_ID)


@pytest.mark.parametrize("place", range(5))
def test_the_chain_breaks_on_any_change_of_a_record(place: int) -> None:
    assert _RUN.chain_holds(_CHAIN_KEY)
    kind, payload = _RUN.entries[place]
    others = [
        (kind ^ 1, payload),
        (kind, payload[:-1] + bytes([payload[-1] ^ 1])),
        (kind, payload + b"\0"),
        (kind, b""),
    ]
    for other in others:
        entries = (*_RUN.entries[:place], other, *_RUN.entries[place + 1 :])
        assert not dataclasses.replace(_RUN, entries=entries).chain_holds(_CHAIN_KEY), other


def test_the_chain_breaks_on_any_other_change() -> None:
    entries = _RUN.entries
    wrong: list[dict[str, Any]] = [
        {"entries": entries[1:]},
        {"entries": entries[:-1]},
        {"entries": (entries[1], entries[0], *entries[2:])},
        {"entries": (*entries, entries[-1])},
        {"first_sequence": 2},
        {"previous_tag": bytes(8)},
        {"last_tag": bytes(8)},
    ]
    for change in wrong:
        assert not dataclasses.replace(_RUN, **change).chain_holds(_CHAIN_KEY), change
    assert not _RUN.chain_holds(bytes(32))


def test_more_records_than_a_bundle_holds_is_a_programmers_error() -> None:
    with pytest.raises(AssertionError):
        pack(dataclasses.replace(_RUN, entries=((10, b""),) * (RECORDS_MAX + 1)), _KEY_ID, _SIGNING, _SERVER_PUBLIC)


# Accepted.


def test_a_run_is_read_as_it_was_packed() -> None:
    envelope = open_envelope(pack(_RUN, _KEY_ID, _SIGNING, _SERVER_PUBLIC))
    verify(envelope, Domain.BUNDLE, _SIGNING_PUBLIC)
    assert unpack(envelope, _SERVER) == _RUN


def test_a_wild_heartbeat_does_not_cost_the_records() -> None:
    wild = dataclasses.replace(_RUN, status=(1 << 63, -5, *range(62)), have={-1: 1 << 63, 9: -4})
    assert read_run(_plaintext(wild), _KEY_ID) == wild


def test_the_same_run_twice_gives_other_bytes_and_the_same_records() -> None:
    one, other = (pack(_RUN, _KEY_ID, _SIGNING, _SERVER_PUBLIC) for _ in range(2))
    assert one != other
    assert list(unpack(open_envelope(one), _SERVER).named()) == list(unpack(open_envelope(other), _SERVER).named())


def test_a_bundle_without_records_is_a_heartbeat() -> None:
    empty = dataclasses.replace(_run(first=40), status=())
    read = read_run(_plaintext(empty), _KEY_ID)
    assert read == empty
    assert read.last_sequence == 39
    assert list(read.named()) == []
    assert read.chain_holds(_CHAIN_KEY)


def test_a_boot_opens_its_epoch_for_itself_and_what_follows() -> None:
    names = [str(name) for name, _, _ in _RUN.named()]
    assert names == ["7/1/1", "7/1/2", "7/1/3", "7/2/4", "7/2/5"]
    later = dataclasses.replace(_RUN, entries=_RUN.entries[1:3], first_sequence=2, epoch=6)
    assert [str(name) for name, _, _ in later.named()] == ["7/6/2", "7/6/3"]


def test_a_boot_that_cannot_be_read_leaves_the_epoch() -> None:
    entries = (*_RUN.entries[:3], (int(RecordKind.BOOT), b"\xff"), _RUN.entries[4])
    names = [name.epoch for name, _, _ in dataclasses.replace(_RUN, entries=entries).named()]
    assert names == [1, 1, 1, 1, 1]


def test_the_largest_run_fits_an_envelope_and_the_limits() -> None:
    full = dataclasses.replace(_RUN, entries=((10, bytes(MAX_PAYLOAD)),) * RECORDS_MAX)
    raw = pack(full, _KEY_ID, _SIGNING, _SERVER_PUBLIC)
    assert len(raw) <= MAX_SIZE
    assert unpack(open_envelope(raw), _SERVER) == full
