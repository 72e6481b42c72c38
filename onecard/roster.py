"""The roster: which terminals there are and by which keys they sign, so that a laptop that holds no secret knows a
bundle of theirs at once.

An envelope of the server (domain ROSTER) over the strict CBOR array
`[1, issued at, [[version, SERVER_SIGN public], …], [[terminal, Ed25519 public], …]]`, both lists rising. The server's
own keys are in it: TLS vouches for them when it is fetched, the envelope is verified under one of them. With them a
laptop reads acknowledgements too. Nothing in it is secret, nothing is believed on its word but by the laptop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from onecard import cbor
from onecard.envelope import SERVER, Domain, open_envelope, seal_envelope, server_key_id, verify
from onecard.errors import OnecardError
from onecard.identity import TERMINAL_NUMBER_MAX
from onecard.keys import KeyRing, Role

_SCHEMA = 1
_KEY_SIZE = 32
_VERSION_MAX = 255
ROSTER_MAX = 4 << 20
"""Bytes of a roster: more than 65,535 terminals take."""
_LIMITS = cbor.Limits(size=ROSTER_MAX, items=4 * TERMINAL_NUMBER_MAX, depth=3)


class BadRoster(OnecardError):
    """A roster that is none, or is not signed by the server it names."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"roster: {why}; fetch it again with `onecard deliver`")


@dataclass(frozen=True, slots=True)
class Roster:
    """A verified roster: when it was made (UTC seconds), the server's signing keys, each terminal's."""

    issued_at: int
    server_keys: KeyRing
    terminals: Mapping[int, bytes]


def pack_roster(roster: Roster, key_version: int, signer: Callable[[bytes], bytes]) -> bytes:
    """The envelope bytes."""
    keys: list[cbor.Value] = [
        [version, roster.server_keys.key(Role.SERVER_SIGN, version)]
        for version in sorted(roster.server_keys.versions(Role.SERVER_SIGN))
    ]
    terminals: list[cbor.Value] = [[number, key] for number, key in sorted(roster.terminals.items())]
    payload = cbor.encode([_SCHEMA, roster.issued_at, keys, terminals])
    return seal_envelope(server_key_id(key_version), Domain.ROSTER, payload, signer)


def open_roster(raw: bytes) -> Roster:
    """The roster, signed by one of the keys in it. Raises `BadRoster`, `BadEnvelope`, `BadSignature`, `UnknownKey`."""
    envelope = open_envelope(raw)
    if envelope.key_id.sender != SERVER:
        raise BadRoster("it is not signed by a server")
    roster = _read(envelope.payload)
    verify(envelope, Domain.ROSTER, roster.server_keys.key(Role.SERVER_SIGN, envelope.key_id.version))
    return roster


def _read(payload: bytes) -> Roster:
    try:
        parts = cbor.decode_array(payload, _LIMITS)
    except cbor.BadCbor as error:
        raise BadRoster(str(error)) from error
    match parts:
        case [1, int(issued_at), list(keys), list(terminals)] if 0 <= issued_at < 1 << 37:
            held = {(Role.SERVER_SIGN, version): key for version, key in _rows(keys, _VERSION_MAX)}
            return Roster(issued_at, KeyRing(held), dict(_rows(terminals, TERMINAL_NUMBER_MAX)))
    raise BadRoster("it does not have the four parts of schema 1")


def _rows(rows: list[cbor.Value], largest: int) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    for row in rows:
        match row:
            case [int(number), bytes(key)] if 1 <= number <= largest and len(key) == _KEY_SIZE:
                found.append((number, key))
            case _:
                raise BadRoster("a row is not a number and a key of 32 bytes")
    if any(before >= after for (before, _), (after, _) in pairwise(found)):
        raise BadRoster("its numbers do not rise")
    return found
