"""Enrolment at the terminal: make keys, show them with the one-time token, keep who we are.

The formats are those of `onecard.enrolment`.

Order, so that a power cut anywhere leaves something that can be repeated:
1. `sign.key` and `seal.key` are made and durable before the first request; a repetition uses the same ones, and the
   server answers the same keys with the same token again.
2. `card.keys` is kept before `identity`: a terminal is enrolled when `identity` is there, and then it is never
   enrolled again in that directory, because its journal bears its number (P-R7).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from onecard.durable_file import PUBLIC, SECRET, make_directory, read_file, replace_file
from onecard.enrolment import (
    BadEnrolment,
    Identity,
    Request,
    decode_identity,
    encode_identity,
    open_answer,
    pack_request,
    seal_keys,
)
from onecard.envelope import Domain, open_envelope, verify
from onecard.errors import OnecardError
from onecard.keys import Role

_KEY_SIZE = 32
_NEEDED = (
    Role.ISSUER,
    Role.SERVER_SIGN,
    Role.SERVER_SEAL,
    Role.DEBIT_MAC,
    Role.CLASSIC_READ_WRITE,
    Role.CHAIN,
    Role.DESFIRE_DEBIT,
)


class AlreadyEnrolled(OnecardError):
    """The directory belongs to an enrolled terminal."""

    def __init__(self, data: Path, number: int) -> None:
        self.data = data
        self.number = number
        super().__init__(
            f"{data} is enrolled as terminal {number}: to enrol this machine anew, send its records first "
            "(onecard daemon run --once), then give an empty --data directory; it gets a new number"
        )


def enrol(
    data: Path,
    token: str,
    software: str,
    post: Callable[[bytes], bytes],
    random: Callable[[int], bytes],
    *,
    board: bytes,
) -> Identity:
    """Enrols the terminal whose data directory is `data`; `post` carries the request to the server, `random(n)` gives
    n random bytes, `board` is the serial number that its key file is bound to.

    Raises `AlreadyEnrolled`, `BadEnrolment`, `BadSeal`, `BadEnvelope`, `BadSignature`, `UnknownKey`, `NotKept`, and
    what `post` raises.
    """
    identity_file = data / "identity"
    if identity_file.exists():
        raise AlreadyEnrolled(data, _kept_identity(identity_file).number)
    make_directory(data)
    signing_key = _own_key(data / "sign.key", random)
    sealing_key = _own_key(data / "seal.key", random)
    sealing_public = X25519PrivateKey.from_private_bytes(sealing_key).public_key().public_bytes_raw()
    request = Request(
        token=token,
        signing_public=Ed25519PrivateKey.from_private_bytes(signing_key).public_key().public_bytes_raw(),
        sealing_public=sealing_public,
        software=software,
    )
    identity = _believed(post(pack_request(request, signing_key)), sealing_key)
    replace_file(data / "card.keys", seal_keys(identity, sealing_public, board), SECRET)
    replace_file(identity_file, encode_identity(identity.public()), PUBLIC)
    return identity


def _kept_identity(file: Path) -> Identity:
    return decode_identity(read_file(file, "run this as the terminal's user"), str(file))


def _own_key(file: Path, random: Callable[[int], bytes]) -> bytes:
    """The 32-byte private key in `file`, made now when there is none."""
    if not file.exists():
        replace_file(file, random(_KEY_SIZE), SECRET)
    key = read_file(file, "run this as the terminal's user")
    if len(key) != _KEY_SIZE:
        raise BadEnrolment(str(file), f"it has {len(key)} bytes, a key has {_KEY_SIZE}; give an empty --data directory")
    return key


def _believed(answer: bytes, sealing_key: bytes) -> Identity:
    envelope = open_envelope(answer)
    identity = open_answer(envelope, sealing_key)
    for role in _NEEDED:
        if not identity.keys.versions(role):
            raise BadEnrolment("enrolment answer", f"no {role.name} key is in it; ask the centre")
    if envelope.key_id.sender != b"S":
        raise BadEnrolment("enrolment answer", "it is not signed by a server")
    verify(envelope, Domain.ENROLMENT, identity.keys.key(Role.SERVER_SIGN, envelope.key_id.version))
    return identity
