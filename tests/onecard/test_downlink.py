"""Acknowledgements and downlinks: for one terminal, from the server, sealed, nothing odd inside."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from onecard import cbor
from onecard.downlink import (
    Acknowledgement,
    BadDownlink,
    Header,
    Table,
    open_acknowledgement,
    open_downlink,
    open_reply,
    pack_acknowledgement,
    pack_downlink,
    pack_reply,
)
from onecard.envelope import BadEnvelope, Domain, KeyId, open_envelope, seal_envelope, server_key_id, terminal_key_id
from onecard.keys import BadSignature, KeyRing, Role, UnknownKey, sign
from onecard.records import Ack, encode_record
from onecard.sealing import BadSeal, seal

_SERVER = bytes(range(32))
_KEYS = KeyRing({(Role.SERVER_SIGN, 2): Ed25519PrivateKey.from_private_bytes(_SERVER).public_key().public_bytes_raw()})
_TERMINAL = bytes(range(1, 33))
_TERMINAL_PUBLIC = X25519PrivateKey.from_private_bytes(_TERMINAL).public_key().public_bytes_raw()
_ACK = Acknowledgement(7, 120, b"received", 100, b"is safe.", 3, 1_800_000_000, {1: 31, 2: 9, 4: 1 << 40})
_HEADER = Header(7, Table.HOTLIST, 4, 9, 1_800_000_000, 0)
_BODY: list[cbor.Value] = [[18, 1], [26, 2]]


def _signer(message: bytes) -> bytes:
    return sign(_SERVER, b"", message)


def _ack_of(*parts: Any) -> bytes:
    return seal_envelope(server_key_id(2), Domain.ACKNOWLEDGEMENT, cbor.encode(list(parts)), _signer)


def _downlink_of(payload: cbor.Value, key_id: KeyId | None = None) -> bytes:
    return seal_envelope(key_id or server_key_id(2), Domain.DOWNLINK, cbor.encode(payload), _signer)


_RAW_ACK = pack_acknowledgement(_ACK, 2, _signer)
_RAW = pack_downlink(_HEADER, _BODY, _TERMINAL_PUBLIC, 2, _signer)
_OPENERS: list[tuple[bytes, Callable[[bytes, KeyRing, int], object]]] = [
    (_RAW_ACK, open_acknowledgement),
    (_RAW, open_downlink),
]
_both = pytest.mark.parametrize(("raw", "opened"), _OPENERS, ids=["acknowledgement", "downlink"])


# Refused.


@_both
def test_what_is_for_another_terminal_is_refused(raw: bytes, opened: Callable[..., object]) -> None:
    with pytest.raises(BadDownlink, match="terminal 7 reached terminal 8"):
        opened(raw, _KEYS, 8)


@_both
def test_a_changed_byte_is_refused(raw: bytes, opened: Callable[..., object]) -> None:
    for place in range(len(raw)):
        wrong = bytearray(raw)
        wrong[place] ^= 1
        with pytest.raises((BadEnvelope, BadSignature, BadDownlink, UnknownKey)):
            opened(bytes(wrong), _KEYS, 7)


@_both
def test_an_unknown_key_version_is_named(raw: bytes, opened: Callable[..., object]) -> None:
    with pytest.raises(UnknownKey, match="SERVER_SIGN version 2"):
        opened(raw, KeyRing({}), 7)


def test_an_acknowledgement_is_no_downlink_nor_the_reverse() -> None:
    with pytest.raises(BadSignature):
        open_downlink(_RAW_ACK, _KEYS, 7)
    with pytest.raises(BadSignature):
        open_acknowledgement(_RAW, _KEYS, 7)


def test_a_terminal_cannot_speak_as_the_server() -> None:
    raw = _downlink_of([_HEADER.encode(), b""], terminal_key_id(0, 2))
    with pytest.raises(BadDownlink, match="not signed by a server"):
        open_downlink(raw, _KEYS, 7)


@pytest.mark.parametrize(
    "change",
    [
        {"safe": 121},  # more safe than received would license forgetting what nobody has (I-06)
        {"safe": -1},
        {"received": 1 << 63},
        {"received": -1, "safe": -1},
        {"received_tag": bytes(7)},
        {"safe_tag": b""},
        {"generation": 1 << 32},
        {"generation": -1},
        {"server_at": 1 << 37},
        {"server_at": -1},
    ],
)
def test_an_acknowledgement_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    raw = pack_acknowledgement(dataclasses.replace(_ACK, **change), 2, _signer)
    with pytest.raises(BadDownlink):
        open_acknowledgement(raw, _KEYS, 7)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [1],
        [0, 7, 120, b"received", 100, b"is safe.", 3, 1, []],
        [2, 7, 120, b"received", 100, b"is safe.", 3, 1, []],
        [1, 7, 120, b"received", 100, b"is safe.", 3, 1],
        [1, 7, 120, b"received", 100, b"is safe.", 3, 1, [], 0],
        [1, "7", 120, b"received", 100, b"is safe.", 3, 1, []],
        [1, 7, 120, "received", 100, b"is safe.", 3, 1, []],
        [1, 7, [], b"received", 100, b"is safe.", 3, 1, []],
        [1, 7, 120, b"received", 100, b"is safe.", 3, 1, 0],
    ],
)
def test_an_acknowledgement_with_odd_parts_is_refused(parts: list[Any]) -> None:
    with pytest.raises(BadDownlink, match="nine parts"):
        open_acknowledgement(_ack_of(*parts), _KEYS, 7)


def test_an_acknowledgement_whose_versions_are_no_list_of_versions_is_refused() -> None:
    for rows in ([1], [[1]], [[1, 2, 3]], [["1", 2]], [[2, 1], [1, 1]], [[1, 1], [1, 2]]):
        with pytest.raises(BadDownlink, match="acknowledgement"):
            open_acknowledgement(_ack_of(1, 7, 120, b"received", 100, b"is safe.", 3, 1, rows), _KEYS, 7)


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ([1, 7, 2, 4, 9, 1], "seven parts"),
        ([1, 7, 2, 4, 9, 1, 0, 0], "seven parts"),
        ([0, 7, 2, 4, 9, 1, 0], "seven parts"),
        ([1, 7, 2, 4, b"9", 1, 0], "seven parts"),
        ([1, 7, 0, 4, 9, 1, 0], "table 0 is not known"),
        ([1, 7, 7, 4, 9, 1, 0], "table 7 is not known"),
        ([1, 7, 2, 9, 9, 1, 0], "from version 9 to 9"),
        ([1, 7, 2, 9, 4, 1, 0], "from version 9 to 4"),
        ([1, 7, 2, -1, 4, 1, 0], "from version -1"),
        ([1, 7, 2, 4, 1 << 63, 1, 0], "cannot be"),
        ([1, 7, 2, 4, 9, -1, 0], "cannot be"),
        ([1, 7, 2, 4, 9, 1, 1 << 37], "cannot be"),
    ],
)
def test_a_header_with_odd_parts_is_refused(header: list[Any], why: str) -> None:
    raw = _downlink_of([cbor.encode(header), b"sealed"])
    with pytest.raises(BadDownlink, match=why):
        open_downlink(raw, _KEYS, 7)


@pytest.mark.parametrize("payload", [[], [b""], [b"", b"", b""], ["", b""], [b"\xa0", b""], [_HEADER.encode(), 1], 7])
def test_a_payload_that_is_no_header_and_body_is_refused(payload: Any) -> None:
    with pytest.raises(BadDownlink):
        open_downlink(_downlink_of(payload), _KEYS, 7)


def test_a_body_goes_with_its_header_alone() -> None:
    """An old hotlist's body under a new header would take cards off the list."""
    _, sealed = cbor.decode_array(_payload(_RAW), cbor.BUNDLE)
    newer = dataclasses.replace(_HEADER, version=10)
    opened = open_downlink(_downlink_of([newer.encode(), sealed]), _KEYS, 7)
    with pytest.raises(BadSeal):
        opened.body(_TERMINAL)
    with pytest.raises(BadSeal):
        open_downlink(_RAW, _KEYS, 7).body(bytes(32))


def test_a_body_that_is_no_strict_array_is_refused() -> None:
    for body in (b"\xa0", b"\x00", b"", b"\x81\x81\x81\x81\x01"):
        sealed = seal(body, _TERMINAL_PUBLIC, "downlink", _HEADER.encode())
        opened = open_downlink(_downlink_of([_HEADER.encode(), sealed]), _KEYS, 7)
        with pytest.raises(BadDownlink, match="hotlist version 9"):
            opened.body(_TERMINAL)


@pytest.mark.parametrize(
    "raw", [b"", b"\x80", b"\x81\x01", b"\x82\x41a\x61b", b"\x81\x81\x41a", b"\x81\x41a\x00", b"\xa0"]
)
def test_a_reply_is_byte_strings_and_begins_with_an_acknowledgement(raw: bytes) -> None:
    with pytest.raises(BadDownlink):
        open_reply(raw)


@given(st.binary(max_size=60))
def test_any_reply_is_split_or_refused_by_the_one_error(raw: bytes) -> None:
    try:
        acknowledgement, downlinks = open_reply(raw)
    except BadDownlink:
        return
    assert pack_reply(acknowledgement, downlinks) == raw


# Accepted.


def _payload(raw: bytes) -> bytes:
    return open_envelope(raw).payload


def test_an_acknowledgement_is_read_as_it_was_packed() -> None:
    assert open_acknowledgement(_RAW_ACK, _KEYS, 7) == _ACK
    fresh = Acknowledgement(7, 0, bytes(8), 0, bytes(8), 0, 0)
    assert open_acknowledgement(pack_acknowledgement(fresh, 2, _signer), _KEYS, 7) == fresh


def test_while_nothing_is_safe_no_tag_need_be_given() -> None:
    """And the terminal can journal it."""
    received_only = dataclasses.replace(_ACK, safe=0, safe_tag=b"")
    opened = open_acknowledgement(pack_acknowledgement(received_only, 2, _signer), _KEYS, 7)
    assert opened == received_only
    encode_record(Ack(opened.server_at, opened.generation, opened.received, opened.safe, opened.safe_tag, 0, 0))


def test_a_downlink_is_read_as_it_was_packed() -> None:
    opened = open_downlink(_RAW, _KEYS, 7)
    assert opened.header == _HEADER
    assert opened.body(_TERMINAL) == _BODY


@pytest.mark.parametrize("table", Table)
def test_a_snapshot_has_base_0(table: Table) -> None:
    header = dataclasses.replace(_HEADER, table=table, base=0, version=1)
    assert open_downlink(pack_downlink(header, [], _TERMINAL_PUBLIC, 2, _signer), _KEYS, 7).header == header


def test_a_reply_is_split_into_its_envelopes() -> None:
    assert open_reply(pack_reply(_RAW_ACK, [_RAW, _RAW])) == (_RAW_ACK, [_RAW, _RAW])
    assert open_reply(pack_reply(_RAW_ACK, [])) == (_RAW_ACK, [])
