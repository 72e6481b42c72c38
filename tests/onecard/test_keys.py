"""Keys: published vectors of every primitive, and signatures bound to their purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from onecard import card_keys, keys
from onecard.keys import BadSignature, KeyRing, Role, UnknownKey, aes_cmac, chain_key, diversify, sign, verify

_Vectors = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="session")
def pair(vectors: _Vectors) -> tuple[bytes, bytes]:
    """A published Ed25519 key: private, public."""
    row = vectors("ed25519")["signatures"][0]
    return bytes.fromhex(row["private"]), bytes.fromhex(row["public"])


# Signatures.


def test_a_signature_for_one_purpose_is_worthless_for_another(pair: tuple[bytes, bytes]) -> None:
    signature = sign(pair[0], b"OCCERT1\0", b"message")
    for domain, message in [(b"OCCERT2\0", b"message"), (b"", b"message"), (b"OCCERT1\0", b"messagf")]:
        with pytest.raises(BadSignature, match="the certificate"):
            verify(pair[1], domain, message, signature, "the certificate")
    verify(pair[1], b"OCCERT1\0", b"message", signature, "the certificate")


@pytest.mark.parametrize("place", range(64))
def test_a_changed_signature_is_bad(pair: tuple[bytes, bytes], place: int) -> None:
    signature = bytearray(sign(pair[0], b"", b"message"))
    signature[place] ^= 0x10
    with pytest.raises(BadSignature):
        verify(pair[1], b"", b"message", bytes(signature), "it")


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(64), bytes(65), b"\xff" * 64])
def test_what_is_no_signature_is_bad(pair: tuple[bytes, bytes], signature: bytes) -> None:
    with pytest.raises(BadSignature):
        verify(pair[1], b"", b"message", signature, "it")


def test_a_second_encoding_of_a_signature_is_bad(pair: tuple[bytes, bytes]) -> None:
    """S + L is the same point equation; RFC 8032 section 5.1.7 wants S < L, else one message has two signatures."""
    order = 2**252 + 27742317777372353535851937790883648493
    signature = sign(pair[0], b"", b"message")
    malleable = signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    with pytest.raises(BadSignature):
        verify(pair[1], b"", b"message", malleable, "it")


def test_rfc_8032_vectors(vectors: _Vectors) -> None:
    for row in vectors("ed25519")["signatures"]:
        private, public, message, signature = (
            bytes.fromhex(row[k]) for k in ("private", "public", "message", "signature")
        )
        for cut in {0, len(message)}:  # the domain is simply put before the message
            assert sign(private, message[:cut], message[cut:]) == signature
            verify(public, message[:cut], message[cut:], signature, "the vector")


# CMAC and diversification.


def test_rfc_4493_vectors(vectors: _Vectors) -> None:
    vector = vectors("aes_cmac")
    for row in vector["tags"]:
        assert aes_cmac(bytes.fromhex(vector["key"]), bytes.fromhex(row["message"])).hex() == row["tag"]


def test_a_short_identity_is_padded_to_32_bytes(vectors: _Vectors) -> None:
    """Padding to one block is libfreefare's issue 91: other keys than every card made elsewhere."""
    for row in vectors("an10922_aes128")["not"]:
        master, identity = bytes.fromhex(row["master"]), bytes.fromhex(row["identity"])
        assert aes_cmac(master, b"\x01" + identity).hex() == row["key"], "the trap is what the vector says it is"
        assert diversify(master, identity).hex() != row["key"]


def test_an10922_vectors(vectors: _Vectors) -> None:
    for row in vectors("an10922_aes128")["keys"]:
        assert diversify(bytes.fromhex(row["master"]), bytes.fromhex(row["identity"])).hex() == row["key"], row


@pytest.mark.parametrize(("master", "identity"), [(16, 0), (16, 32), (15, 4), (32, 4)])
def test_masters_have_16_bytes_and_identities_1_to_31(master: int, identity: int) -> None:
    with pytest.raises(AssertionError):
        diversify(bytes(master), bytes(identity))


def test_each_sector_side_and_card_has_a_key_of_its_own() -> None:
    master, uids = bytes(range(16)), (b"\x01\x02\x03\x04", b"\x01\x02\x03\x05", b"\x04\x01\x02\x03\x04\x05\x06")
    made = [
        make(master, uid, s)
        for make in (card_keys.classic_key_a, card_keys.classic_key_b)
        for uid in uids
        for s in range(16)
    ]
    assert len(set(made)) == len(made) == 96
    assert {len(key) for key in made} == {6}


def test_each_key_of_a_desfire_is_its_own() -> None:
    """Keys 0, 1 and 2 of each application and the card's, on each card; under one master too."""
    master, uids = bytes(range(16)), (b"\x04\x01\x02\x03\x04\x05\x06", b"\x04\x01\x02\x03\x04\x05\x07")
    applications = (b"\x00\xca\xf0", b"\x01\xca\xf0")
    made = [card_keys.desfire_card_key(master, uid) for uid in uids]
    for uid in uids:
        for application in applications:
            made.append(card_keys.desfire_debit_key(master, uid, application))
            made += [card_keys.desfire_application_key(master, uid, application, number) for number in (0, 2)]
    assert len(set(made)) == len(made) == 14
    assert {len(key) for key in made} == {16}


def test_each_terminal_has_a_chain_key_of_its_own() -> None:
    made = [chain_key(bytes(32), 1), chain_key(bytes(32), 256), chain_key(b"\1" * 32, 1)]
    assert len(set(made)) == 3
    assert {len(key) for key in made} == {32}


# The ring of keys.


def test_a_key_that_is_not_held_is_named() -> None:
    ring = KeyRing({(Role.ISSUER, 1): bytes(32)})
    for role, version in [(Role.ISSUER, 2), (Role.DEBIT_MAC, 1)]:
        with pytest.raises(UnknownKey, match=f"{role.name} version {version}") as refusal:
            ring.key(role, version)
        assert (refusal.value.role, refusal.value.version) == (role, version)


def test_keys_are_tried_newest_first() -> None:
    ring = KeyRing({(Role.DEBIT_MAC, v): bytes([v]) * 16 for v in (2, 10, 1)} | {(Role.ISSUER, 99): bytes(32)})
    assert list(ring.newest_first(Role.DEBIT_MAC)) == [(10, b"\x0a" * 16), (2, b"\2" * 16), (1, b"\1" * 16)]


def test_keys_do_not_show_in_a_repr() -> None:
    assert "secret" not in repr(KeyRing({(Role.DEBIT_MAC, 1): b"secret secret se"}))
    assert keys.KEY_SIZE == 16
