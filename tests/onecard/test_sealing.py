"""Sealing: only the right receiver, for the right purpose, with the right header beside it."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from onecard.sealing import BadSeal, is_sealable, seal, unseal

_PRIVATE = bytes(range(32))
_PUBLIC = X25519PrivateKey.from_private_bytes(_PRIVATE).public_key().public_bytes_raw()
_SEALED = seal(b"members' data", _PUBLIC, "bundle", b"header")
_P = 2**255 - 19


@pytest.mark.parametrize(
    ("private", "purpose", "header"),
    [
        (bytes(32), "bundle", b"header"),
        (_PRIVATE, "downlink", b"header"),
        (_PRIVATE, "bundle", b"headers"),
        (_PRIVATE, "bundle", b""),
        (_PRIVATE, "bundle\0header", b""),
    ],
)
def test_another_key_purpose_or_header_opens_nothing(private: bytes, purpose: str, header: bytes) -> None:
    with pytest.raises(BadSeal, match=purpose.split("\0", maxsplit=1)[0]):
        unseal(_SEALED, private, purpose, header)


@pytest.mark.parametrize("place", range(len(_SEALED)))
def test_a_changed_byte_opens_nothing(place: int) -> None:
    wrong = bytearray(_SEALED)
    wrong[place] ^= 0x40
    with pytest.raises(BadSeal):
        unseal(bytes(wrong), _PRIVATE, "bundle", b"header")


@given(st.binary(max_size=100))
def test_any_bytes_open_nothing(sealed: bytes) -> None:
    with pytest.raises(BadSeal):
        unseal(sealed, _PRIVATE, "bundle", b"header")


@pytest.mark.parametrize(
    "public",
    [
        bytes(32),
        b"\1" + bytes(31),
        (_P - 1).to_bytes(32, "little"),
        _P.to_bytes(32, "little"),
        b"",
        bytes(31),
        bytes(33),
    ],
)
def test_a_key_that_seals_to_everybody_is_known(public: bytes) -> None:
    """Points of low order give a shared secret that all know; a stranger may send one at enrolment."""
    assert not is_sealable(public)
    with pytest.raises(ValueError):
        seal(b"", public, "bundle", b"")


def test_a_forged_key_share_of_low_order_opens_nothing() -> None:
    with pytest.raises(BadSeal):
        unseal(bytes(32) + _SEALED[32:], _PRIVATE, "bundle", b"header")


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_what_was_sealed_is_opened(plaintext: bytes, header: bytes) -> None:
    sealed = seal(plaintext, _PUBLIC, "bundle", header)
    assert len(sealed) == len(plaintext) + 48
    assert unseal(sealed, _PRIVATE, "bundle", header) == plaintext
    assert is_sealable(_PUBLIC)


def test_the_same_bytes_are_never_sealed_twice_alike() -> None:
    assert seal(b"members' data", _PUBLIC, "bundle", b"header") != _SEALED
