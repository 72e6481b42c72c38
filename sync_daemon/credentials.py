"""Who a terminal is to the server, and how it proves it: what enrolment left in its data directory."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from onecard.durable_file import read_file
from onecard.enrolment import Identity, decode_identity
from onecard.envelope import KeyId, terminal_key_id

_NOT_ENROLLED = "enrol the terminal first: onecard terminal enrol --help"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who speaks, and how it proves it: the public identity, the kid, the 32-byte Ed25519 private key."""

    identity: Identity
    key_id: KeyId
    signing_key: bytes = dataclasses.field(repr=False)


def read_credentials(data: Path) -> Credentials:
    """From a terminal's data directory. Raises `NotReadable`, `BadEnrolment`."""
    file = data / "identity"
    identity = decode_identity(read_file(file, _NOT_ENROLLED), str(file))
    return Credentials(identity, terminal_key_id(identity.number), read_file(data / "sign.key", _NOT_ENROLLED))
