"""Enrolment: keys become known, each of its role and size, and none that money could be made with (I-10)."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from onecard import cbor
from onecard.enrolment import (
    PUBLIC_ROLES,
    BadEnrolment,
    Identity,
    Request,
    decode_identity,
    encode_identity,
    open_answer,
    pack_answer,
    pack_request,
    read_request,
)
from onecard.envelope import Domain, Envelope, open_envelope, seal_envelope, terminal_key_id, verify
from onecard.identity import TerminalNumber
from onecard.keys import BadSignature, KeyRing, Role, sign
from onecard.sealing import BadSeal

_SIGNING, _SEALING, _SERVER = bytes(range(32)), bytes(range(1, 33)), bytes(range(2, 34))
_SIGNING_PUBLIC, _SERVER_PUBLIC = (
    Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw() for private in (_SIGNING, _SERVER)
)
_SEALING_PUBLIC = X25519PrivateKey.from_private_bytes(_SEALING).public_key().public_bytes_raw()
_REQUEST = Request("5d0f77c1a2b3", _SIGNING_PUBLIC, _SEALING_PUBLIC, "onecard 0.1.0")
_HELD = {
    (Role.DEBIT_MAC, 1): bytes(16),
    (Role.DEBIT_MAC, 2): b"\2" * 16,
    (Role.CLASSIC_READ_WRITE, 1): b"\3" * 16,
    (Role.ISSUER, 1): b"\4" * 32,
    (Role.SERVER_SIGN, 1): _SERVER_PUBLIC,
    (Role.SERVER_SEAL, 1): b"\6" * 32,
    (Role.CHAIN, 1): b"\7" * 32,
    (Role.DESFIRE_DEBIT, 1): b"\x08" * 16,
}
_IDENTITY = Identity(TerminalNumber(7), "XDA", "新东安", KeyRing(_HELD))


def _asked(*parts: Any) -> Envelope:
    raw = seal_envelope(
        terminal_key_id(0), Domain.ENROLMENT, cbor.encode(list(parts)), lambda m: sign(_SIGNING, b"", m)
    )
    return open_envelope(raw)


def _identity_of(*rows: Any, number: Any = 7) -> bytes:
    return cbor.encode([1, number, "XDA", "新东安", list(rows)])


# Refused.


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [0, "t", _SIGNING_PUBLIC, _SEALING_PUBLIC, "s"],
        [1, "t", _SIGNING_PUBLIC, _SEALING_PUBLIC],
        [1, "t", _SIGNING_PUBLIC, _SEALING_PUBLIC, "s", 0],
        [1, b"t", _SIGNING_PUBLIC, _SEALING_PUBLIC, "s"],
        [1, "t" * 65, _SIGNING_PUBLIC, _SEALING_PUBLIC, "s"],
        [1, "t", _SIGNING_PUBLIC[:31], _SEALING_PUBLIC, "s"],
        [1, "t", _SIGNING_PUBLIC, _SEALING_PUBLIC + b"\0", "s"],
        [1, "t", _SIGNING_PUBLIC, _SEALING_PUBLIC, "s" * 33],
    ],
)
def test_a_request_with_odd_parts_is_refused(parts: list[Any]) -> None:
    with pytest.raises(BadEnrolment, match="five parts"):
        read_request(_asked(*parts))


@pytest.mark.parametrize("public", [bytes(32), b"\1" + bytes(31)])
def test_a_request_whose_key_nothing_can_be_sealed_to_is_refused(public: bytes) -> None:
    with pytest.raises(BadEnrolment, match="X25519"):
        read_request(_asked(1, "t", _SIGNING_PUBLIC, public, "s"))


def test_a_request_for_a_key_it_does_not_hold_is_not_believed() -> None:
    stranger = bytes(32)
    envelope = open_envelope(pack_request(_REQUEST, stranger))
    with pytest.raises(BadSignature):
        verify(envelope, Domain.ENROLMENT, read_request(envelope).signing_public)


@pytest.mark.parametrize(
    "row",
    [
        [0, 1, bytes(16)],
        [8, 1, bytes(32)],
        [9, 1, bytes(16)],
        [1, 0, bytes(16)],
        [1, 256, bytes(16)],
        [1, 1, bytes(32)],  # a debit master is an AES-128 key
        [2, 1, bytes(15)],
        [4, 1, bytes(16)],  # an issuer key is an Ed25519 key
        [5, 1, b""],
        [6, 1, bytes(31)],
        [7, 1, bytes(16)],
        [4, 1],
        [4, 1, "text"],
        [4, 1, bytes(32), 0],
        4,
    ],
)
def test_a_key_of_another_role_or_size_is_refused(row: Any) -> None:
    with pytest.raises(BadEnrolment, match="keys file: a key is not"):
        decode_identity(_identity_of(row), "keys file")


@pytest.mark.parametrize(
    "rows",
    [
        [[4, 1, bytes(32)], [4, 1, b"\1" * 32]],
        [[5, 1, bytes(32)], [4, 1, bytes(32)]],
        [[4, 2, bytes(32)], [4, 1, bytes(32)]],
    ],
)
def test_a_key_that_comes_twice_or_out_of_order_is_refused(rows: list[Any]) -> None:
    with pytest.raises(BadEnrolment, match="order"):
        decode_identity(_identity_of(*rows), "it")


@pytest.mark.parametrize("number", [0, -1, 65536, "7"])
def test_a_terminal_number_out_of_range_is_refused(number: Any) -> None:
    with pytest.raises(BadEnrolment, match="five parts"):
        decode_identity(_identity_of(number=number), "it")


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_by_the_one_error(raw: bytes) -> None:
    with pytest.raises(BadEnrolment):
        decode_identity(raw, "it")


def test_an_answer_is_for_the_terminal_that_asked() -> None:
    raw = pack_answer(_IDENTITY, _SEALING_PUBLIC, 1, lambda message: sign(_SERVER, b"", message))
    with pytest.raises(BadSeal):
        open_answer(open_envelope(raw), bytes(32))


def test_of_the_issuer_and_the_server_only_public_halves_have_a_role() -> None:
    """What raises *loaded* or speaks for the server has no place in an identity (I-10)."""
    assert {Role.ISSUER, Role.SERVER_SIGN, Role.SERVER_SEAL} == PUBLIC_ROLES
    symmetric = {Role.DEBIT_MAC, Role.DEBIT_MAC_NEXT, Role.CLASSIC_READ_WRITE, Role.CLASSIC_PERSONALISE, Role.CHAIN}
    assert set(Role) - PUBLIC_ROLES == symmetric | {Role.DESFIRE_DEBIT, Role.DESFIRE_PERSONALISE}


def test_what_the_daemon_reads_holds_no_secret() -> None:
    assert {role for role, _ in _IDENTITY.public().keys.held} == PUBLIC_ROLES
    shown = encode_identity(_IDENTITY.public())
    assert not any(key in shown for (role, _), key in _HELD.items() if role not in PUBLIC_ROLES)


# Accepted.


def test_a_request_is_read_as_it_was_packed() -> None:
    envelope = open_envelope(pack_request(_REQUEST, _SIGNING))
    assert read_request(envelope) == _REQUEST
    verify(envelope, Domain.ENROLMENT, _REQUEST.signing_public)


def test_an_answer_brings_the_identity_and_the_key_that_vouches_for_it() -> None:
    raw = pack_answer(_IDENTITY, _SEALING_PUBLIC, 1, lambda message: sign(_SERVER, b"", message))
    envelope = open_envelope(raw)
    identity = open_answer(envelope, _SEALING)
    assert identity == _IDENTITY
    verify(envelope, Domain.ENROLMENT, identity.keys.key(Role.SERVER_SIGN, envelope.key_id.version))


def test_an_identity_is_read_back_from_its_file() -> None:
    assert decode_identity(encode_identity(_IDENTITY), "it") == _IDENTITY
    assert decode_identity(encode_identity(_IDENTITY.public()), "it") == _IDENTITY.public()
