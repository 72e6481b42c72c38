"""The envelope around everything that travels: COSE_Sign1 with Ed25519, of one fixed shape (RFC 9052 §4.2).

    D2 84                     tag 18, array of 4
    49 A2 01 27 04 44 kkkk    protected header: alg = EdDSA, kid = 4 bytes
    A0                        no unprotected header
    bstr payload
    58 40 signature           over ["Signature1", protected, domain, payload]

The shape has no freedom, so nothing foreign is parsed before the signature is checked; any COSE library reads it. The
domain goes into COSE's external_aad: a signature for an acknowledgement is worthless for a bundle.

kid: sender kind (`T` terminal, `S` server) | number u16 | key version u8, big-endian.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, unique

from onecard import cbor, keys
from onecard.errors import OnecardError
from onecard.keys import SIGNATURE_SIZE

TERMINAL, SERVER = b"T", b"S"
"""Sender kinds of a kid."""
_OPENING = bytes.fromhex("d28449a201270444")
_KID_SIZE = 4
_PAYLOAD_AT = len(_OPENING) + _KID_SIZE + 1
_SIGNATURE_HEAD = bytes([0x58, SIGNATURE_SIZE])
MAX_SIZE = 8 << 20
_HEAD = cbor.Limits(size=MAX_SIZE, items=1, depth=0)


class BadEnvelope(OnecardError):
    """Bytes that are no envelope of ours, or whose sender is not who it should be."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"envelope: {why}")


@unique
class Domain(Enum):
    """What an envelope is for; signed with it."""

    BUNDLE = b"onecard bundle 1"
    ACKNOWLEDGEMENT = b"onecard acknowledgement 1"
    DOWNLINK = b"onecard downlink 1"
    ENROLMENT = b"onecard enrolment 1"
    DESK = b"onecard desk 1"
    ROSTER = b"onecard roster 1"


@dataclass(frozen=True, slots=True)
class KeyId:
    """Who signed, with which of their keys."""

    sender: bytes
    number: int
    version: int

    def encode(self) -> bytes:
        """The 4 bytes of a COSE kid."""
        return self.sender + self.number.to_bytes(2, "big") + bytes([self.version])


def terminal_key_id(number: int, version: int = 1) -> KeyId:
    """The kid of a terminal (number 0 while it enrols)."""
    return KeyId(TERMINAL, number, version)


def server_key_id(version: int) -> KeyId:
    """The kid of the server's signing key."""
    return KeyId(SERVER, 0, version)


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope taken apart; nothing in it is believed until `verify`."""

    key_id: KeyId
    payload: bytes
    signature: bytes


def seal_envelope(key_id: KeyId, domain: Domain, payload: bytes, signer: Callable[[bytes], bytes]) -> bytes:
    """The bytes of an envelope; `signer` gives the 64-byte Ed25519 signature of the bytes it is passed."""
    signature = signer(_signed_bytes(key_id, domain, payload))
    assert len(signature) == SIGNATURE_SIZE
    return _OPENING + key_id.encode() + b"\xa0" + cbor.encode(payload) + _SIGNATURE_HEAD + signature


def open_envelope(raw: bytes) -> Envelope:
    """Take an envelope apart. Raises `BadEnvelope`; costs no more than a slice of the bytes."""
    if len(raw) > MAX_SIZE:
        raise BadEnvelope(f"{len(raw)} bytes, at most {MAX_SIZE} are allowed")
    tail = len(raw) - SIGNATURE_SIZE - len(_SIGNATURE_HEAD)
    framed = raw.startswith(_OPENING) and raw[_PAYLOAD_AT - 1 : _PAYLOAD_AT] == b"\xa0"
    if not framed or tail <= _PAYLOAD_AT or raw[tail : tail + 2] != _SIGNATURE_HEAD:
        raise BadEnvelope("it does not have the fixed shape of COSE_Sign1 with EdDSA and a 4-byte kid")
    try:
        payload = cbor.decode(raw[_PAYLOAD_AT:tail], _HEAD)
    except cbor.BadCbor as error:
        raise BadEnvelope(f"payload: {error}") from error
    if not isinstance(payload, bytes):
        raise BadEnvelope("the payload is not a byte string")
    kid = raw[len(_OPENING) : _PAYLOAD_AT - 1]
    return Envelope(KeyId(kid[:1], int.from_bytes(kid[1:3], "big"), kid[3]), payload, raw[tail + 2 :])


def verify(envelope: Envelope, domain: Domain, public: bytes) -> bytes:
    """The payload, now believed to be from the holder of `public` (32 bytes). Raises `keys.BadSignature`."""
    signed = _signed_bytes(envelope.key_id, domain, envelope.payload)
    keys.verify(public, b"", signed, envelope.signature, f"a message for {domain.name.lower()}")
    return envelope.payload


def _signed_bytes(key_id: KeyId, domain: Domain, payload: bytes) -> bytes:
    protected = _OPENING[3:] + key_id.encode()
    return cbor.encode(["Signature1", protected, domain.value, payload])
