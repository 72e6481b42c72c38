"""The bundle: a run of journal records as it travels, by network, laptop or stick.

Sealed to the server, then signed by the terminal (docs/adr/0002): whoever carries it can read and alter nothing. The
envelope's payload is the sealing of the strict CBOR array

    [1, terminal, first sequence, epoch, previous tag, [kind, payload, kind, payload, …], last tag, have, status]

- records are consecutive: the i-th has sequence first + i; `epoch` is that of the first one, a BOOT among them opens
  the next;
- `previous tag` and `last tag` are the journal's chain tags before the first and at the last record (8 bytes each),
  so that the server can walk the chain again and knows the exact head it acknowledges;
- one whole record behind lost ones travels alone, with a previous tag of eight zero bytes: the tag that leads to it is
  lost too (`unproved`);
- `have` lists [table, version] of the downlink tables held, tables rising; `status` is the heartbeat, a flat list of
  numbers by place (`Status`); later places may be added. Neither is bounded: a wild clock must not cost the records.

A bundle without records is a heartbeat and a question for downlinks. The same journal cut anew gives other bytes
(sealing is randomised) but the same records; what deduplicates is the record's name, never the bundle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum, unique

from onecard import cbor, sealing
from onecard.envelope import TERMINAL, Domain, Envelope, KeyId, seal_envelope
from onecard.errors import OnecardError
from onecard.identity import RecordName, TerminalNumber
from onecard.journal.frame import MAX_PAYLOAD, chain_tag
from onecard.keys import sign
from onecard.records import BadRecord, Boot, RecordKind, decode_record
from onecard.table_versions import BadVersions, read_versions, version_rows

TAG_SIZE = 8
NO_TAG = bytes(TAG_SIZE)
"""The previous tag where it is lost, and both tags of a heartbeat from an empty journal."""
_SCHEMA = 1
_PURPOSE = "bundle"
_STATUS_MAX = 64
RECORDS_MAX = 2000
"""Records in one bundle at most; the server refuses more."""


class BadBundle(OnecardError):
    """A bundle whose envelope is right and whose inside is not."""

    def __init__(self, terminal: int, why: str) -> None:
        self.terminal = terminal
        self.why = why
        super().__init__(f"bundle of terminal {terminal}: {why}")


UNKNOWN = -1
"""In a heartbeat: what the terminal cannot tell."""


@unique
class Status(IntEnum):
    """Places in the heartbeat list; a missing one, and a number out of its bounds, is unknown."""

    BACKLOG = 0  # records not yet acknowledged
    OLDEST_AT = 1  # time of the oldest of them, UTC seconds, 0 for none
    ROOM_PER_MILLE = 2  # journal room left
    CLOCK_AT = 3  # the terminal's clock when the bundle was cut
    HOTLIST_AT = 4  # when the hotlist was known to be the newest, UTC seconds, 0 for never
    BATTERY_PER_MILLE = 5  # charge left
    ON_MAINS = 6  # 1 mains, 0 battery
    READER_ANSWERS = 7  # 1 it does, 0 it does not
    SOFTWARE = 8  # of the firmware that runs: 1.2.3 is 1,002,003
    JOURNAL_FAULTS = 9  # since the start
    CONTACT_AT = 10  # when the server last answered well, by the terminal's clock, UTC seconds, 0 for never
    LIMITS_DIVISOR = 11  # its limits are so many times lower because its tables are old; 1 for not


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive records of one journal, with the chain around them."""

    terminal: TerminalNumber
    first_sequence: int
    epoch: int
    previous_tag: bytes
    entries: tuple[tuple[int, bytes], ...]
    last_tag: bytes
    have: Mapping[int, int]
    status: tuple[int, ...]

    @property
    def last_sequence(self) -> int:
        """The sequence of the last record; first − 1 when there is none."""
        return self.first_sequence + len(self.entries) - 1

    @property
    def unproved(self) -> bool:
        """Whether it is the record behind lost ones, which no tag leads to; its own, `last_tag`, is only stated."""
        return len(self.entries) == 1 and self.previous_tag == NO_TAG

    def named(self) -> Iterator[tuple[RecordName, int, bytes]]:
        """Each record's name, kind and payload. A BOOT that cannot be read leaves the epoch as it was."""
        epoch = self.epoch
        for place, (kind, payload) in enumerate(self.entries):
            if kind == RecordKind.BOOT:
                epoch = _boot_epoch(payload, epoch)
            yield RecordName(self.terminal, epoch, self.first_sequence + place), kind, payload

    def chain_holds(self, chain_key: bytes) -> bool:
        """Whether the records lead from the previous tag to the last one under the terminal's chain key."""
        tag = self.previous_tag
        for place, (kind, payload) in enumerate(self.entries):
            tag = chain_tag(chain_key, tag, kind, self.first_sequence + place, payload)
        return tag == self.last_tag


def encode_run(run: Run) -> bytes:
    """The plaintext of a run, before it is sealed."""
    assert len(run.entries) <= RECORDS_MAX
    entries: list[cbor.Value] = [part for entry in run.entries for part in entry]
    return cbor.encode(
        [
            _SCHEMA,
            run.terminal,
            run.first_sequence,
            run.epoch,
            run.previous_tag,
            entries,
            run.last_tag,
            version_rows(run.have),
            list(run.status),
        ]
    )


def pack(run: Run, key_id: KeyId, signing_key: bytes, server_public: bytes) -> bytes:
    """The envelope bytes of a run: sealed to the server's X25519 key, signed with the terminal's Ed25519 key."""
    sealed = sealing.seal(encode_run(run), server_public, _PURPOSE, key_id.encode())
    return seal_envelope(key_id, Domain.BUNDLE, sealed, lambda message: sign(signing_key, b"", message))


def unpack(envelope: Envelope, server_private: bytes) -> Run:
    """The run of an envelope whose signature has been verified. Raises `sealing.BadSeal` or `BadBundle`."""
    return read_run(unseal_run(envelope, server_private), envelope.key_id)


def unseal_run(envelope: Envelope, server_private: bytes) -> bytes:
    """The plaintext of a verified envelope; the key process does this much. Raises `sealing.BadSeal`."""
    return sealing.unseal(envelope.payload, server_private, _PURPOSE, envelope.key_id.encode())


def read_run(plaintext: bytes, key_id: KeyId) -> Run:
    """The run of an unsealed plaintext; its terminal must be the signer. Raises `BadBundle`."""
    signer = key_id.number
    if key_id.sender != TERMINAL:
        raise BadBundle(signer, "it is not signed by a terminal")
    try:
        parts = cbor.decode_array(plaintext, cbor.BUNDLE)
    except cbor.BadCbor as error:
        raise BadBundle(signer, str(error)) from error
    match parts:
        case [
            1,
            int(terminal),
            int(first),
            int(epoch),
            bytes(previous),
            list(flat),
            bytes(last),
            list(have),
            list(status),
        ]:
            run = Run(
                terminal=TerminalNumber(terminal),
                first_sequence=first,
                epoch=epoch,
                previous_tag=previous,
                entries=_entries(flat, signer),
                last_tag=last,
                have=_have(have, signer),
                status=_status(status, signer),
            )
        case _:
            raise BadBundle(signer, "it does not have the nine parts of schema 1")
    if run.terminal != signer:
        raise BadBundle(signer, f"it was signed by terminal {signer} and speaks for terminal {run.terminal}")
    sane = run.first_sequence >= 1 and run.epoch >= 0 and len(run.previous_tag) == len(run.last_tag) == TAG_SIZE
    if not sane or run.last_sequence >= 1 << 63 or run.epoch >= 1 << 32:
        raise BadBundle(signer, "a sequence, epoch or tag is out of range")
    return run


def _boot_epoch(payload: bytes, before: int) -> int:
    try:
        boot = decode_record(RecordKind.BOOT, payload)
    except BadRecord:
        return before
    assert isinstance(boot, Boot)
    return boot.epoch


def _entries(flat: list[cbor.Value], signer: int) -> tuple[tuple[int, bytes], ...]:
    if len(flat) % 2 or len(flat) > 2 * RECORDS_MAX:
        raise BadBundle(signer, f"{len(flat)} parts of records: an even number up to {2 * RECORDS_MAX} is expected")
    entries: list[tuple[int, bytes]] = []
    for kind, payload in zip(flat[::2], flat[1::2], strict=True):
        if not (
            isinstance(kind, int) and 0 < kind < 256 and isinstance(payload, bytes) and len(payload) <= MAX_PAYLOAD
        ):
            raise BadBundle(signer, f"record {len(entries)} is not a kind and a payload")
        entries.append((kind, payload))
    return tuple(entries)


def _have(rows: list[cbor.Value], signer: int) -> dict[int, int]:
    try:
        return read_versions(rows)
    except BadVersions as error:
        raise BadBundle(signer, str(error)) from error


def _status(values: list[cbor.Value], signer: int) -> tuple[int, ...]:
    numbers = tuple(value for value in values if isinstance(value, int))
    if len(numbers) != len(values) or len(values) > _STATUS_MAX:
        raise BadBundle(signer, f"the status is not a list of at most {_STATUS_MAX} numbers")
    return numbers
