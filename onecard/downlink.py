"""What travels from the server to a terminal: acknowledgements and table versions.

An acknowledgement is an envelope of the server (domain ACKNOWLEDGEMENT) over the strict CBOR array
`[1, terminal, received, received tag, safe, safe tag, generation, server time, newest]`. It names the exact head of the
chain: one replayed to a restored terminal does not match its tags and does nothing. Only `safe` licenses forgetting
(I-06). `newest` lists [table, version] of every table as it stood at the server time, tables rising: a terminal that
holds these is in step with the server (P-R22), also when nothing was sent because nothing had changed.

A downlink is an envelope of the server (domain DOWNLINK) over `[header, sealed]`, the header being the strict CBOR of
`[1, terminal, table, base, version, issued at, good until]`. The daemon reads the header to know what it carries; only
the firmware can unseal the body. A table changes from exactly `base` to `version`; base 0 is a snapshot. Versions
never go back.

Bodies: TARIFF `[tariff bytes, …]`; CERTIFICATES `[96 bytes, …]`; HOTLIST and STATE as `onecard.packed_table` says.
The reply to a bundle is the strict CBOR array `[acknowledgement, downlink, …]` of envelope bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, unique

from onecard import cbor, sealing
from onecard.envelope import SERVER, Domain, Envelope, open_envelope, seal_envelope, server_key_id, verify
from onecard.errors import OnecardError
from onecard.journal.frame import TAG_SIZE
from onecard.keys import KeyRing, Role
from onecard.table_versions import BadVersions, read_versions, version_rows

_SCHEMA = 1
_PURPOSE = "downlink"
_HEADER_LIMITS = cbor.Limits(size=128, items=16, depth=1)
_ACKNOWLEDGEMENT_LIMITS = cbor.Limits(size=512, items=64, depth=3)
_PAYLOAD_LIMITS = cbor.Limits(size=8 << 20, items=3, depth=1)
_BODY_LIMITS = cbor.Limits(size=8 << 20, items=1 << 20, depth=3)
_REPLY_LIMITS = cbor.Limits(size=16 << 20, items=256, depth=1)


class BadDownlink(OnecardError):
    """Signed by the server, and yet not what this terminal can use."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"downlink: {why}")


@unique
class Table(IntEnum):
    """What a downlink carries. Wire numbers never change."""

    TARIFF = 1
    HOTLIST = 2
    CERTIFICATES = 3
    STATE = 4
    SETTINGS = 5
    KEYS = 6


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Which head of a terminal's chain the server has received, and which is safe."""

    terminal: int
    received: int
    received_tag: bytes
    safe: int
    safe_tag: bytes
    generation: int
    server_at: int
    newest: Mapping[int, int] = field(default_factory=dict)
    """Version of each table by its number, as it stood at `server_at`; tables not known here are carried too."""


@dataclass(frozen=True, slots=True)
class Header:
    """The clear part of a downlink. `good_until` is UTC seconds, 0 for no end."""

    terminal: int
    table: Table
    base: int
    version: int
    issued_at: int
    good_until: int

    def encode(self) -> bytes:
        """The header bytes, to which the sealed body is bound."""
        return cbor.encode(
            [_SCHEMA, self.terminal, int(self.table), self.base, self.version, self.issued_at, self.good_until]
        )


@dataclass(frozen=True, slots=True)
class Downlink:
    """A verified downlink, its body still sealed."""

    header: Header
    sealed: bytes

    def body(self, private: bytes) -> list[cbor.Value]:
        """The body, opened with the terminal's X25519 key. Raises `sealing.BadSeal` or `BadDownlink`."""
        plaintext = sealing.unseal(self.sealed, private, _PURPOSE, self.header.encode())
        try:
            return cbor.decode_array(plaintext, _BODY_LIMITS)
        except cbor.BadCbor as error:
            raise BadDownlink(f"{self.header.table.name.lower()} version {self.header.version}: {error}") from error


def pack_acknowledgement(ack: Acknowledgement, key_version: int, signer: Callable[[bytes], bytes]) -> bytes:
    """The envelope bytes of an acknowledgement."""
    payload = cbor.encode(
        [
            _SCHEMA,
            ack.terminal,
            ack.received,
            ack.received_tag,
            ack.safe,
            ack.safe_tag,
            ack.generation,
            ack.server_at,
            version_rows(ack.newest),
        ]
    )
    return seal_envelope(server_key_id(key_version), Domain.ACKNOWLEDGEMENT, payload, signer)


def open_acknowledgement(raw: bytes, server_keys: KeyRing, terminal: int) -> Acknowledgement:
    """The verified acknowledgement for `terminal`.

    Raises `envelope.BadEnvelope`, `keys.BadSignature`, `keys.UnknownKey` or `BadDownlink`.
    """
    payload = verified_payload(raw, Domain.ACKNOWLEDGEMENT, server_keys)
    match _array(payload, _ACKNOWLEDGEMENT_LIMITS):
        case [
            1,
            int(number),
            int(received),
            bytes(tag),
            int(safe),
            bytes(safe_tag),
            int(generation),
            int(at),
            list(newest),
        ]:
            if number != terminal:
                raise BadDownlink(f"an acknowledgement for terminal {number} reached terminal {terminal}")
            tags_fit = all(len(t) == TAG_SIZE or not (n or t) for n, t in ((received, tag), (safe, safe_tag)))
            if not (0 <= safe <= received < 1 << 63 and tags_fit):
                raise BadDownlink(f"an acknowledgement of {safe} as safe among {received} received cannot be")
            if not (0 <= generation < 1 << 32 and 0 <= at < 1 << 37):
                raise BadDownlink("the acknowledgement's generation or time is out of range")
            try:
                versions = read_versions(newest)
            except BadVersions as error:
                raise BadDownlink(f"the acknowledgement's {error}") from error
            return Acknowledgement(number, received, tag, safe, safe_tag, generation, at, versions)
    raise BadDownlink("the acknowledgement does not have the nine parts of schema 1")


def pack_downlink(
    header: Header,
    body: Sequence[cbor.Value],
    terminal_public: bytes,
    key_version: int,
    signer: Callable[[bytes], bytes],
) -> bytes:
    """The envelope bytes of a table version, sealed to the terminal's 32-byte X25519 key."""
    clear = header.encode()
    sealed = sealing.seal(cbor.encode(list(body)), terminal_public, _PURPOSE, clear)
    return seal_envelope(server_key_id(key_version), Domain.DOWNLINK, cbor.encode([clear, sealed]), signer)


def open_downlink(raw: bytes, server_keys: KeyRing, terminal: int) -> Downlink:
    """The verified downlink for `terminal`. Raises as `open_acknowledgement` does."""
    payload = verified_payload(raw, Domain.DOWNLINK, server_keys)
    match _array(payload, _PAYLOAD_LIMITS):
        case [bytes(clear), bytes(sealed)]:
            header = _header(clear)
        case _:
            raise BadDownlink("it is not a header and a sealed body")
    if header.terminal != terminal:
        raise BadDownlink(f"a table for terminal {header.terminal} reached terminal {terminal}")
    return Downlink(header, sealed)


def pack_reply(acknowledgement: bytes, downlinks: Sequence[bytes]) -> bytes:
    """The body of the server's answer to a bundle."""
    return cbor.encode([acknowledgement, *downlinks])


def open_reply(raw: bytes) -> tuple[bytes, list[bytes]]:
    """The acknowledgement and the downlinks of a reply, none verified yet. Raises `BadDownlink`."""
    parts = _array(raw, _REPLY_LIMITS)
    envelopes = [part for part in parts if isinstance(part, bytes)]
    if not envelopes or len(envelopes) != len(parts):
        raise BadDownlink("a reply is an acknowledgement and downlinks, all byte strings")
    return envelopes[0], envelopes[1:]


def verified_payload(raw: bytes, domain: Domain, server_keys: KeyRing) -> bytes:
    """The payload of an envelope signed by the server for `domain`."""
    envelope: Envelope = open_envelope(raw)
    if envelope.key_id.sender != SERVER:
        raise BadDownlink("it is not signed by a server")
    return verify(envelope, domain, server_keys.key(Role.SERVER_SIGN, envelope.key_id.version))


def _header(clear: bytes) -> Header:
    match _array(clear, _HEADER_LIMITS):
        case [1, int(terminal), int(table), int(base), int(version), int(issued_at), int(good_until)]:
            try:
                known = Table(table)
            except ValueError as error:
                raise BadDownlink(f"table {table} is not known to this software") from error
            if not 0 <= base < version < 1 << 63 or not (0 <= issued_at < 1 << 37 and 0 <= good_until < 1 << 37):
                raise BadDownlink(f"a {known.name.lower()} that leads from version {base} to {version} cannot be")
            return Header(terminal, known, base, version, issued_at, good_until)
    raise BadDownlink("the header does not have the seven parts of schema 1")


def _array(raw: bytes, limits: cbor.Limits) -> list[cbor.Value]:
    try:
        return cbor.decode_array(raw, limits)
    except cbor.BadCbor as error:
        raise BadDownlink(str(error)) from error
