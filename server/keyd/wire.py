"""Frames between the web process and the key process.

A frame is a length, u32 big-endian, and that many bytes of one strict CBOR array. Request: `[op, argument, …]`. Reply:
`[0, result, …]`, or `[1, error text]`. One connection carries any number of requests, one after the other.
"""

from __future__ import annotations

import socket
from enum import IntEnum, unique

from onecard import cbor, envelope
from onecard.errors import OnecardError

FRAME_MAX = envelope.MAX_SIZE + 4096
"""The largest frame: an envelope and what is said about it."""
LIMITS = cbor.Limits(size=FRAME_MAX, items=128, depth=3)
_LENGTH_SIZE = 4
_DONE, _FAILED = 0, 1


@unique
class Op(IntEnum):
    """What can be asked. Wire numbers never change."""

    PUBLIC = 1  # → [[role, version, key], …]
    SIGN = 2  # role, version (0 newest), message → version, signature
    UNSEAL_RUN = 3  # envelope → plaintext, chain key
    ENROL = 4  # number, site code, site name, X25519 public → envelope
    ISSUE = 5  # statement, reason, delta → 96 bytes
    LATEST = 6  # uid, purse → 96 bytes, or none
    PERSONALISE = 7  # certificate, card family, X25519 public → sealed card script
    RENEW = 8  # uid, card family, X25519 public → sealed renewal
    KEYS = 9  # number, X25519 public, version held, issued at → version, and the downlink's envelope when it is above


class BadFrame(OnecardError):
    """Bytes on the key process's socket that are no frame of this protocol."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"key process socket: {why}")


def receive(connection: socket.socket) -> list[cbor.Value] | None:
    """The next array; None when the other side has closed between frames. Raises `BadFrame`, `OSError`."""
    head = _read(connection, _LENGTH_SIZE)
    if not head:
        return None
    size = int.from_bytes(head, "big")
    if len(head) < _LENGTH_SIZE or size > FRAME_MAX:
        raise BadFrame(f"a frame of {size} bytes, at most {FRAME_MAX} are allowed")
    raw = _read(connection, size)
    if len(raw) < size:
        raise BadFrame(f"the connection ended after {len(raw)} of {size} bytes")
    try:
        return cbor.decode_array(raw, LIMITS)
    except cbor.BadCbor as error:
        raise BadFrame(str(error)) from error


def send(connection: socket.socket, items: list[cbor.Value]) -> None:
    """Send one array. Raises `OSError`."""
    raw = cbor.encode(items)
    connection.sendall(len(raw).to_bytes(_LENGTH_SIZE, "big") + raw)


def done(results: list[cbor.Value]) -> list[cbor.Value]:
    """The reply of a request that succeeded."""
    return [_DONE, *results]


def failed(error: OnecardError) -> list[cbor.Value]:
    """The reply of a request that was refused."""
    return [_FAILED, str(error)]


def results_of(reply: list[cbor.Value]) -> list[cbor.Value] | str:
    """The results, or the error's text. Raises `BadFrame`."""
    match reply:
        case [0, *results]:
            return results
        case [1, str(text)]:
            return text
    raise BadFrame("the reply is neither results nor an error")


def _read(connection: socket.socket, size: int) -> bytes:
    """Up to `size` bytes; fewer only when the other side closed."""
    parts: list[bytes] = []
    missing = size
    while missing:
        part = connection.recv(min(missing, 1 << 16))
        if not part:
            break
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
