"""Enrolment: a terminal's keys become known to the server, and the server's to the terminal.

The terminal makes an Ed25519 and an X25519 key on itself and sends their public halves with a one-time token, in an
envelope (domain ENROLMENT, kid terminal 0) signed by the new key, which proves that it holds it. Request payload:
strict CBOR `[1, token, Ed25519 public, X25519 public, software]`.

The answer is an envelope of the server over the sealed body; TLS vouches for the server this one time, and the
server's signing keys come inside. The sealed body is `[1, number, site code, site name, [[role, version, key], …]]`,
sealed to the terminal's X25519 key. Roles: ISSUER, SERVER_SIGN and SERVER_SEAL public keys; DEBIT_MAC,
CLASSIC_READ_WRITE and DESFIRE_DEBIT secrets; CHAIN, this terminal's own journal chain key. None of them can raise
*loaded* (I-10).

On the terminal the answer is kept as an `Identity` file (facts and public keys, which the sync daemon reads) in the
strict CBOR of `[1, …]` given below, and with the secrets as a key file, which only the firmware reads: the same sealed
to the terminal's own X25519 key and bound to its board, so that neither the file alone nor a copy of the whole storage
on another board opens anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from onecard import cbor, sealing
from onecard.envelope import Domain, Envelope, seal_envelope, server_key_id, terminal_key_id
from onecard.errors import OnecardError
from onecard.identity import TERMINAL_NUMBER_MAX, TerminalNumber
from onecard.keys import KeyRing, Role, sign

PUBLIC_ROLES = frozenset({Role.ISSUER, Role.SERVER_SIGN, Role.SERVER_SEAL})
_SCHEMA = 1
_PURPOSE = "enrolment"
_KEPT = "card keys"
_SIZES: dict[int, int] = {
    Role.DEBIT_MAC: 16,
    Role.CLASSIC_READ_WRITE: 16,
    Role.ISSUER: 32,
    Role.SERVER_SIGN: 32,
    Role.SERVER_SEAL: 32,
    Role.CHAIN: 32,
    Role.DESFIRE_DEBIT: 16,
    Role.DEBIT_MAC_NEXT: 16,
}
"""Bytes of a key by role."""
_LIMITS = cbor.Limits(size=16 << 10, items=512, depth=4)


class BadEnrolment(OnecardError):
    """A request, an answer or a kept file that is not what it should be."""

    def __init__(self, what: str, why: str) -> None:
        self.what = what
        self.why = why
        super().__init__(f"{what}: {why}")


@dataclass(frozen=True, slots=True)
class Request:
    """What a new terminal says. `token` is the one-time text an operator was given."""

    token: str
    signing_public: bytes
    sealing_public: bytes
    software: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a terminal is, and the keys it holds."""

    number: TerminalNumber
    site_code: str
    site_name: str
    keys: KeyRing

    def public(self) -> Identity:
        """The same without secrets: what the sync daemon reads."""
        held = {name: key for name, key in self.keys.held.items() if name[0] in PUBLIC_ROLES}
        return Identity(self.number, self.site_code, self.site_name, KeyRing(held))


def pack_request(request: Request, signing_key: bytes) -> bytes:
    """The envelope bytes of a request, signed with the terminal's new Ed25519 private key."""
    payload = cbor.encode([_SCHEMA, request.token, request.signing_public, request.sealing_public, request.software])
    return seal_envelope(terminal_key_id(0), Domain.ENROLMENT, payload, lambda message: sign(signing_key, b"", message))


def read_request(envelope: Envelope) -> Request:
    """The request in an envelope. The caller verifies the envelope under the `signing_public` it names before it acts
    on it. Raises `BadEnrolment`."""
    match _array(envelope.payload, "enrolment request"):
        case [1, str(token), bytes(signing), bytes(sealing_key), str(software)] if (
            len(signing) == len(sealing_key) == 32 and len(token) <= 64 and len(software) <= 32
        ):
            if not sealing.is_sealable(sealing_key):
                raise BadEnrolment("enrolment request", "nothing can be sealed to its X25519 key")
            return Request(token, signing, sealing_key, software)
    raise BadEnrolment("enrolment request", "it does not have the five parts of schema 1")


def pack_answer(identity: Identity, sealing_public: bytes, key_version: int, signer: Callable[[bytes], bytes]) -> bytes:
    """The envelope bytes of the server's answer, sealed to the terminal's 32-byte X25519 key."""
    sealed = sealing.seal(encode_identity(identity), sealing_public, _PURPOSE, b"")
    return seal_envelope(server_key_id(key_version), Domain.ENROLMENT, sealed, signer)


def open_answer(envelope: Envelope, sealing_private: bytes) -> Identity:
    """The identity in an answer. The caller then verifies the envelope under the SERVER_SIGN key inside (TLS vouches
    for it this once). Raises `sealing.BadSeal` or `BadEnrolment`."""
    return decode_identity(sealing.unseal(envelope.payload, sealing_private, _PURPOSE, b""), "enrolment answer")


def encode_identity(identity: Identity) -> bytes:
    """`[1, number, site code, site name, [[role, version, key], …]]`, keys sorted by role and version."""
    return cbor.encode(
        [_SCHEMA, identity.number, identity.site_code, identity.site_name, write_key_rows(identity.keys)]
    )


def seal_keys(identity: Identity, sealing_public: bytes, board: bytes) -> bytes:
    """The key file: the identity with its secrets, sealed to the terminal's 32-byte X25519 key. `board` is what tells
    this machine from others, its serial number, or nothing where it has none."""
    return sealing.seal(encode_identity(identity), sealing_public, _KEPT, board)


def open_keys(raw: bytes, sealing_private: bytes, board: bytes, what: str) -> Identity:
    """The identity in a key file; `what` names the file in errors. Raises `BadEnrolment`."""
    try:
        opened = sealing.unseal(raw, sealing_private, _KEPT, board)
    except sealing.BadSeal:
        raise BadEnrolment(what, "it does not open: damaged, or made on another board, or for another key") from None
    return decode_identity(opened, what)


def decode_identity(raw: bytes, what: str) -> Identity:
    """The identity of such bytes; `what` names them in errors (a file's path). Raises `BadEnrolment`."""
    match _array(raw, what):
        case [1, int(number), str(code), str(name), list(rows)] if 1 <= number <= TERMINAL_NUMBER_MAX:
            return Identity(TerminalNumber(number), code, name, read_key_rows(rows, what))
    raise BadEnrolment(what, "it does not have the five parts of schema 1")


def write_key_rows(keys: KeyRing) -> list[cbor.Value]:
    """`[[role, version, key], …]`, rising."""
    return [[int(role), version, key] for (role, version), key in sorted(keys.held.items())]


def read_key_rows(rows: list[cbor.Value], what: str) -> KeyRing:
    """The keys in such rows, each of a known role and its size, in order. Raises `BadEnrolment`."""
    held = [_key(row, what) for row in rows]
    if any(before >= after for (before, _), (after, _) in pairwise(held)):
        raise BadEnrolment(what, "its keys are not in the order of role and version, or one comes twice")
    return KeyRing(dict(held))


def _key(row: cbor.Value, what: str) -> tuple[tuple[Role, int], bytes]:
    match row:
        case [int(role), int(version), bytes(key)] if 1 <= version <= 255 and len(key) == _SIZES.get(role):
            return (Role(role), version), key
    raise BadEnrolment(what, "a key is not [role, version, bytes] of a known role and its size")


def _array(raw: bytes, what: str) -> list[cbor.Value]:
    try:
        return cbor.decode_array(raw, _LIMITS)
    except cbor.BadCbor as error:
        raise BadEnrolment(what, str(error)) from error
