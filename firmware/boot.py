"""The start of a terminal: identity, journal, what the journal says, and the devices.

Order matters: the journal is opened (and its BOOT record durable) before anything else can be written; what it says is
known before the session begins; the inbox comes after it, because versions never go back.
"""

from __future__ import annotations

import importlib.metadata
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firmware.books import Books
from firmware.config import TerminalConfig
from firmware.inbox import Inbox, read_word
from firmware.intake import Intake
from firmware.lasting_reader import LastingReader
from firmware.logbook import Logbook
from firmware.purse_memory import PurseMemory
from firmware.tap import TapLimits, Teller
from firmware.till import Till
from firmware.wall_clock import WallClock
from hardware.pn532.opening import open_reader
from hardware.sam.port import Sam
from hardware.sam.software import ROLES, SoftwareSam
from onecard.downlink import open_acknowledgement
from onecard.enrolment import Identity, decode_identity, open_keys
from onecard.errors import OnecardError
from onecard.inbox_names import ACKNOWLEDGEMENT
from onecard.journal import BootInfo, Journal, JournalReader, Missing, NoJournal
from onecard.journal.disk import Disk
from onecard.keys import KeyRing, Role

_MADE = "journal.made"
_CURE = "enrol this terminal with `onecard terminal enrol`"


class Unfit(OnecardError):
    """This terminal must not start as it is."""


class NotEnrolled(Unfit):
    """A file that enrolment makes is missing or belongs to another terminal."""

    def __init__(self, file: Path, why: str) -> None:
        self.file = file
        super().__init__(f"{file}: {why}: {_CURE}")


class JournalLost(Unfit):
    """The journal this terminal had is gone; its number must not be used again (P-R7)."""

    def __init__(self, directory: Path, number: int) -> None:
        self.directory = directory
        self.number = number
        super().__init__(
            f"{directory}: the journal of terminal {number} is gone, and its number must never number records again:"
            f" put the directory back, or {_CURE} under a new number"
        )


class JournalRolledBack(Unfit):
    """The server has records that this journal does not: it is an older copy, and would number others like them."""

    def __init__(self, directory: Path, acknowledged: int) -> None:
        self.directory = directory
        self.acknowledged = acknowledged
        super().__init__(
            f"{directory}: the server acknowledged record {acknowledged}, which is not in this journal: an older copy"
            f" was put back; put the newest one back, or keep this one and {_CURE} under a new number"
        )


class ForeignJournal(Unfit):
    """The journal was made under another terminal number."""

    def __init__(self, directory: Path, found: int, number: int) -> None:
        self.directory = directory
        super().__init__(
            f"{directory} is the journal of terminal {found}, this is terminal {number}: collect it, then move it away"
        )


@dataclass(frozen=True, slots=True)
class Station:
    """Everything a started terminal works with. `identity` holds no secret: those are in the SAM and the journal."""

    config: TerminalConfig
    identity: Identity
    sam: Sam
    journal: Journal
    log: Logbook
    books: Books
    intake: Intake
    reader: LastingReader
    teller: Teller
    till: Till
    clock: WallClock


def start(
    config: TerminalConfig,
    *,
    board: bytes = b"",
    system: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    random: Callable[[int], bytes] = os.urandom,
    disk: Disk | None = None,
) -> Station:
    """Start the terminal of `config` on the board with that serial number; `disk` is what its journal writes to, the
    system's by default.

    Raises `Unfit`, `BadEnrolment`, the journal's errors.
    """
    if not __debug__:
        raise Unfit("python -O removes the checks that guard money: start without -O and without PYTHONOPTIMIZE")
    identity, seal_private = _identity(config.data, board)
    clock = WallClock(system, monotonic)
    journal = _open_journal(config, identity, clock, random, disk)
    try:
        return _assemble(config, identity, seal_private, journal, clock)
    except BaseException:
        journal.close()
        raise


def _assemble(
    config: TerminalConfig, identity: Identity, seal_private: bytes, journal: Journal, clock: WallClock
) -> Station:
    sam, identity = SoftwareSam(identity.keys), identity.public()
    keys, number = identity.keys, identity.number
    lost: list[Missing] = []
    books = Books.from_entries(PurseMemory(number, keys), journal.entries(missing=lost.append))
    clock.at_least(books.last_at)
    log = Logbook(journal, books.memory, clock, books.listener(lambda: journal.next_sequence))
    log.tell_gaps(lost, books.gaps)
    log.close_unfinished()
    inbox = Inbox(
        config.data / "inbox",
        number,
        keys,
        seal_private=seal_private,
        own_tag=lambda sequence: _tag(journal, sequence),
        applied=books.applied,
    )
    intake = Intake(inbox, journal, log, books, clock)
    reader = LastingReader(
        config.reader_device, lambda: open_reader(config.reader_device, config.reader_baud), clock.monotonic
    )
    teller = Teller(reader, sam, log, number, hotlist=frozenset(), limits=TapLimits(config.limits.card_cap))
    intake.take(teller)
    till = Till(config, reader, teller, journal, log, books=books, intake=intake)
    return Station(config, identity, sam, journal, log, books, intake, reader, teller, till, clock)


def _identity(data: Path, board: bytes) -> tuple[Identity, bytes]:
    """The identity with its secrets, and the X25519 private key."""
    public = decode_identity(_read(data / "identity"), str(data / "identity"))
    seal_private = _read(data / "seal.key")
    if len(seal_private) != 32:
        raise NotEnrolled(data / "seal.key", f"{len(seal_private)} bytes, 32 are expected")
    secret = open_keys(_read(data / "card.keys"), seal_private, board, str(data / "card.keys"))
    if public.number != secret.number:
        raise NotEnrolled(data / "card.keys", f"it belongs to terminal {secret.number}, `identity` to {public.number}")
    for role in (Role.CHAIN, Role.ISSUER, Role.SERVER_SIGN, *sorted(ROLES)):
        if not secret.keys.versions(role):
            raise NotEnrolled(data / "card.keys", f"it holds no {role.name} key")
    return secret, seal_private


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise NotEnrolled(file, error.strerror or str(error)) from error


def _open_journal(
    config: TerminalConfig, identity: Identity, clock: WallClock, random: Callable[[int], bytes], disk: Disk | None
) -> Journal:
    """The journal, made at the first start and never again (P-R7): `journal.made` remembers that it was."""
    directory, made = config.data / "journal", config.data / _MADE
    key = _chain_key(identity.keys)
    try:
        reader = JournalReader(directory)
        found = reader.terminal
        _refuse_older_copy(reader, config.data, identity)
    except NoJournal:
        if made.exists() and made.read_text().strip() == str(identity.number):
            raise JournalLost(directory, identity.number) from None
        Journal.create(
            directory,
            terminal=identity.number,
            chain_key=key,
            salt=random,
            segment_size=config.segment_size,
            segments=config.segments,
            disk=disk,
        )
        found = identity.number
    if found != identity.number:
        raise ForeignJournal(directory, found, identity.number)
    _remember(made, identity.number)
    now = clock.now()
    boot = BootInfo(random(8), now.at, now.quality, importlib.metadata.version("onecard"))
    return Journal.open(directory, chain_key=key, boot=boot, random=random, disk=disk, salvage=True)


def _refuse_older_copy(reader: JournalReader, data: Path, identity: Identity) -> None:
    """Before anything is written: the inbox's acknowledgement proves what this journal once held (F12, P-R7)."""
    try:
        raw = read_word(data / "inbox" / ACKNOWLEDGEMENT)
        ack = open_acknowledgement(raw, identity.keys, identity.number)
    except (OnecardError, OSError):
        return  # no proof; the inbox itself refuses such a file by name
    held = next(reader.all_entries(ack.received), None) if ack.received else None
    if ack.received and (held is None or (held.name.sequence == ack.received and held.tag != ack.received_tag)):
        raise JournalRolledBack(data / "journal", ack.received)


def _chain_key(keys: KeyRing) -> bytes:
    return keys.key(Role.CHAIN, keys.versions(Role.CHAIN)[0])


def _remember(made: Path, number: int) -> None:
    if made.exists() and made.read_text().strip() == str(number):
        return
    fresh = made.with_name(f".{made.name}")
    with fresh.open("w") as file:
        file.write(f"{number}\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(made)
    descriptor = os.open(made.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _tag(journal: Journal, sequence: int) -> bytes | None:
    try:
        return journal.entry(sequence).tag
    except KeyError:
        return None
