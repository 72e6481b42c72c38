"""The load certificate: the issuer's signed statement of all that was ever loaded (docs/purse.md, Bytes; P-R14, R15).

    byte  0      format << 4 | purse
          1      issuer key id
          2      unit (1 bit) << 7 | kind (4 bits) << 3 | flags (3 bits)
          3      tier
          4..6   load sequence, L, u24
          7..10  loaded, P, u32
         11..13  floor counter, u24
         14..17  floor debited, u32
         18..19  expiry, days since 2000-01-01, u16
         20..26  UID, a 4-byte one padded with zeros at the end
         27..31  card number, u40
         32..95  Ed25519 over "OCCERT1\\0" | bytes 0..31
    All numbers big-endian.

A certificate of a cashier, operator or authorisation card has the same form with P = 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag

from onecard import keys
from onecard.errors import OnecardError
from onecard.identity import UID_SIZES, CardNumber, DayNumber
from onecard.keys import KeyRing, Role
from onecard.kinds import CardKind, PurseUnit

CERTIFICATE_SIZE = 96
PAYLOAD_SIZE = 32
FORMAT = 1
DOMAIN = b"OCCERT1\0"
_UID_SIZE = 7
_LOAD_SEQUENCE = slice(4, 7)
_UID = slice(20, 27)


class Flags(IntFlag):
    """Three bits about the card."""

    NONE = 0
    NAMED = 1
    TEMPORARY = 2
    CLOSED = 4


class BadCertificate(OnecardError):
    """Ninety-six bytes that are no certificate of the selected card and purse."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"load certificate: {why}")


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the issuer states about one purse of one card."""

    purse: int
    key_id: int
    unit: PurseUnit
    kind: CardKind
    flags: Flags
    tier: int
    load_sequence: int
    loaded: int
    floor_counter: int
    floor_debited: int
    expiry: DayNumber
    uid: bytes
    card_number: CardNumber


def pad_uid(uid: bytes) -> bytes:
    """The seven bytes that stand for a UID of 4 or 7."""
    return uid.ljust(_UID_SIZE, b"\0")


def unpad_uid(padded: bytes) -> bytes:
    """The UID that seven bytes stand for."""
    return padded[:4] if padded[4:] == b"\0\0\0" else padded


def trait_byte(unit: PurseUnit, kind: CardKind, flags: Flags) -> int:
    """What a card is, in byte 2 of its certificate."""
    return unit << 7 | kind << 3 | flags


def traits(byte: int) -> tuple[PurseUnit, CardKind, Flags]:
    """What a trait byte says. Raises `ValueError` when the kind is not known."""
    return PurseUnit(byte >> 7), CardKind(byte >> 3 & 0xF), Flags(byte & 7)


def payload(certificate: Certificate) -> bytes:
    """The 32 bytes that are signed."""
    c = certificate
    assert 0 <= c.purse < 16  # else it would change the format
    assert len(c.uid) in UID_SIZES
    return (
        bytes([FORMAT << 4 | c.purse, c.key_id, trait_byte(c.unit, c.kind, c.flags), c.tier])
        + c.load_sequence.to_bytes(3, "big")
        + c.loaded.to_bytes(4, "big")
        + c.floor_counter.to_bytes(3, "big")
        + c.floor_debited.to_bytes(4, "big")
        + c.expiry.to_bytes(2, "big")
        + pad_uid(c.uid)
        + c.card_number.to_bytes(5, "big")
    )


def issue(certificate: Certificate, signer: Callable[[bytes, bytes], bytes]) -> bytes:
    """The 96 bytes: payload, then `signer(domain, payload)`, an Ed25519 signature by the issuer's key `key_id`."""
    signed = payload(certificate)
    return signed + signer(DOMAIN, signed)


def open_certificate(image: bytes, issuer_keys: KeyRing, uid: bytes, purse: int) -> Certificate:
    """The verified certificate of exactly this card and purse.

    `image` is 96 bytes as read. The signature is checked before anything in the payload is believed, the payload's
    UID and purse against the selected card (P-R17). A 7-byte UID that ends in three zeros reads as a 4-byte one
    and has no certificate. Raises `BadCertificate`.
    """
    certificate = verified(image, issuer_keys)
    if certificate.purse != purse or certificate.uid != uid:
        raise BadCertificate(f"it belongs to card {certificate.uid.hex()} purse {certificate.purse}")
    return certificate


def claimed_purse(image: bytes) -> bytes:
    """Padded UID (7) and purse (1) that 96 bytes claim; nothing is verified."""
    return image[_UID] + bytes([image[0] & 0xF])


def claimed_load(image: bytes) -> int:
    """The L that 96 bytes claim; nothing is verified."""
    return int.from_bytes(image[_LOAD_SEQUENCE], "big")


def verified(image: bytes, issuer_keys: KeyRing) -> Certificate:
    """The certificate of 96 bytes whose issuer signature is good. Raises `BadCertificate`."""
    if len(image) != CERTIFICATE_SIZE:
        raise BadCertificate(f"{len(image)} bytes, {CERTIFICATE_SIZE} are expected")
    signed, signature = image[:PAYLOAD_SIZE], image[PAYLOAD_SIZE:]
    try:
        keys.verify(issuer_keys.key(Role.ISSUER, signed[1]), DOMAIN, signed, signature, "the certificate")
    except (keys.UnknownKey, keys.BadSignature) as error:
        raise BadCertificate(str(error)) from error
    if signed[0] >> 4 != FORMAT:
        raise BadCertificate(f"format {signed[0] >> 4} is not known")
    try:
        unit, kind, flags = traits(signed[2])
    except ValueError as error:
        raise BadCertificate(f"card kind {signed[2] >> 3 & 0xF} is not known") from error
    return Certificate(
        purse=signed[0] & 0xF,
        key_id=signed[1],
        unit=unit,
        kind=kind,
        flags=flags,
        tier=signed[3],
        load_sequence=claimed_load(signed),
        loaded=int.from_bytes(signed[7:11], "big"),
        floor_counter=int.from_bytes(signed[11:14], "big"),
        floor_debited=int.from_bytes(signed[14:18], "big"),
        expiry=DayNumber(int.from_bytes(signed[18:20], "big")),
        uid=unpad_uid(signed[_UID]),
        card_number=CardNumber(int.from_bytes(signed[27:32], "big")),
    )
