"""The load certificate: the issuer's word about one purse of one card, and nobody else's (P-R14, R15, R17)."""

from __future__ import annotations

import dataclasses

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from onecard.identity import CardNumber, DayNumber, card_number
from onecard.keys import KeyRing, Role, sign
from onecard.kinds import CardKind, PurseUnit
from onecard.purse.certificate import (
    CERTIFICATE_SIZE,
    DOMAIN,
    BadCertificate,
    Certificate,
    Flags,
    issue,
    open_certificate,
    payload,
    verified,
)

_ISSUER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
_STRANGER = bytes(range(1, 33))
_KEYS = KeyRing({(Role.ISSUER, 3): _ISSUER.public_key().public_bytes_raw()})
_UID = bytes.fromhex("04a1b2c3d4e5f6")
_CERTIFICATE = Certificate(
    purse=1,
    key_id=3,
    unit=PurseUnit.ENTRIES,
    kind=CardKind.CASHIER,
    flags=Flags.NAMED | Flags.CLOSED,
    tier=0x44,
    load_sequence=0x050607,
    loaded=0x08090A0B,
    floor_counter=0x0C0D0E,
    floor_debited=0x0F101112,
    expiry=DayNumber(0x1314),
    uid=_UID,
    card_number=CardNumber(0x1C1D1E1F20),
)


def _sign(domain: bytes, message: bytes) -> bytes:
    return sign(_ISSUER.private_bytes_raw(), domain, message)


def _signed(body: bytes) -> bytes:
    return body + _sign(DOMAIN, body)


_IMAGE = issue(_CERTIFICATE, _sign)
_CERTIFICATES = st.builds(
    Certificate,
    purse=st.integers(0, 15),
    key_id=st.just(3),
    unit=st.sampled_from(PurseUnit),
    kind=st.sampled_from(CardKind),
    flags=st.integers(0, 7).map(Flags),
    tier=st.integers(0, 255),
    load_sequence=st.integers(0, (1 << 24) - 1),
    loaded=st.integers(0, (1 << 32) - 1),
    floor_counter=st.integers(0, (1 << 24) - 1),
    floor_debited=st.integers(0, (1 << 32) - 1),
    expiry=st.integers(0, 0xFFFF).map(DayNumber),
    uid=st.binary(min_size=4, max_size=4) | st.binary(min_size=7, max_size=7).filter(lambda uid: any(uid[4:])),
    card_number=st.integers(1, 10**11 - 1).map(card_number),
)


# Refused.


@pytest.mark.parametrize("place", range(CERTIFICATE_SIZE))
def test_a_changed_byte_is_refused(place: int) -> None:
    forged = bytearray(_IMAGE)
    forged[place] ^= 1
    with pytest.raises(BadCertificate):
        open_certificate(bytes(forged), _KEYS, _UID, 1)


def test_another_signer_is_refused() -> None:
    forged = issue(_CERTIFICATE, lambda domain, message: sign(_STRANGER, domain, message))
    with pytest.raises(BadCertificate, match="signature"):
        verified(forged, _KEYS)


def test_a_signature_for_another_purpose_is_refused() -> None:
    forged = issue(_CERTIFICATE, lambda _, message: _sign(b"OCCERT2\0", message))
    with pytest.raises(BadCertificate, match="signature"):
        verified(forged, _KEYS)


@pytest.mark.parametrize("uid", [_UID[:6] + b"\0", _UID[:4], b"\x04\xa1\xb2\xc4\xd4\xe5\xf6"])
def test_another_cards_certificate_is_refused(uid: bytes) -> None:
    with pytest.raises(BadCertificate, match=f"card {_UID.hex()} purse 1"):
        open_certificate(_IMAGE, _KEYS, uid, 1)


def test_a_long_uid_that_ends_in_zeros_is_not_the_short_one() -> None:
    """The padding of a 4-byte UID; a magic card can be given such a 7-byte UID."""
    short, long = _UID[:4], _UID[:4] + bytes(3)
    image = issue(dataclasses.replace(_CERTIFICATE, uid=short), _sign)
    assert open_certificate(image, _KEYS, short, 1).uid == short
    with pytest.raises(BadCertificate, match="belongs to"):
        open_certificate(image, _KEYS, long, 1)


@pytest.mark.parametrize("purse", [0, 2, 17])
def test_another_purses_certificate_is_refused(purse: int) -> None:
    with pytest.raises(BadCertificate, match="purse 1"):
        open_certificate(_IMAGE, _KEYS, _UID, purse)


def test_an_unknown_or_revoked_issuer_key_is_refused() -> None:
    with pytest.raises(BadCertificate, match="ISSUER version 3"):
        verified(_IMAGE, KeyRing({(Role.ISSUER, 4): _KEYS.key(Role.ISSUER, 3), (Role.SERVER_SIGN, 3): bytes(32)}))


@pytest.mark.parametrize("kind", [5, 9, 15])
def test_an_unknown_card_kind_is_refused(kind: int) -> None:
    body = payload(_CERTIFICATE)
    with pytest.raises(BadCertificate, match=f"kind {kind}"):
        verified(_signed(body[:2] + bytes([body[2] & 0x87 | kind << 3]) + body[3:]), _KEYS)


@pytest.mark.parametrize("layout", [0, 2, 15])
def test_an_unknown_format_is_refused(layout: int) -> None:
    body = payload(_CERTIFICATE)
    with pytest.raises(BadCertificate, match=f"format {layout}"):
        verified(_signed(bytes([layout << 4 | body[0] & 0xF]) + body[1:]), _KEYS)


@pytest.mark.parametrize("size", [0, 32, 95, 97, 192])
def test_another_size_is_refused(size: int) -> None:
    with pytest.raises(BadCertificate, match=f"{size} bytes"):
        verified((_IMAGE * 2)[:size], _KEYS)


@given(st.binary(min_size=CERTIFICATE_SIZE, max_size=CERTIFICATE_SIZE))
def test_random_bytes_are_refused(image: bytes) -> None:
    with pytest.raises(BadCertificate):
        verified(image, _KEYS)


@pytest.mark.parametrize(
    "changed", [{"loaded": 1 << 32}, {"loaded": -1}, {"load_sequence": 1 << 24}, {"purse": 16}, {"uid": bytes(8)}]
)
def test_what_does_not_fit_is_never_signed(changed: dict[str, object]) -> None:
    with pytest.raises((OverflowError, ValueError, AssertionError)):
        issue(dataclasses.replace(_CERTIFICATE, **changed), _sign)  # type: ignore[arg-type]


# Accepted.


def test_the_bytes_lie_as_documented() -> None:
    assert payload(_CERTIFICATE).hex() == (
        "11" + "03" + "95" + "44" + "050607" + "08090a0b" + "0c0d0e" + "0f101112" + "1314" + _UID.hex() + "1c1d1e1f20"
    )
    _ISSUER.public_key().verify(_IMAGE[32:], b"OCCERT1\0" + _IMAGE[:32])


def test_a_short_uid_is_padded_at_its_end() -> None:
    short = dataclasses.replace(_CERTIFICATE, uid=_UID[:4])
    image = issue(short, _sign)
    assert image[20:27] == _UID[:4] + bytes(3)
    assert open_certificate(image, _KEYS, _UID[:4], 1) == short


@given(_CERTIFICATES)
def test_a_certificate_is_read_back_from_its_bytes(certificate: Certificate) -> None:
    image = issue(certificate, _sign)
    assert len(image) == CERTIFICATE_SIZE
    assert open_certificate(image, _KEYS, certificate.uid, certificate.purse) == certificate
