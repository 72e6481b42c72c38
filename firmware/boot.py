"""The start of a terminal: identity, journal, what the journal says, and the devices.

Order matters: the journal is opened (and its BOOT record durable) before anything else can be written; what it says is
known before the session begins; the kept tables and then the inbox come after it, because versions never go back.
"""

from __future__ import annotations

import importlib.metadata
import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from firmware.books import Books
from firmware.checkpoint import Place, checkpoint_key
from firmware.config import TerminalConfig
from firmware.inbox import Inbox, read_word
from firmware.intake import Intake
from firmware.kept_tables import KeptTables
from firmware.lasting_reader import LastingReader
from firmware.logbook import Logbook
from firmware.recall import own_tag, recall
from firmware.shelf import Shelf
from firmware.tap import TapLimits, Teller
from firmware.till import Till
from firmware.wall_clock import WallClock
from hardware.pn532.opening import open_reader
from hardware.sam.port import Sam
from hardware.sam.software import ROLES, SoftwareSam
from onecard.downlink import open_acknowledgement
from onecard.durable_file import replace_file
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
    """Something trusted tells of a record that this journal does not hold: it is an older copy, and would number
    others like it."""

    def __init__(self, directory: Path, sequence: int, witness: str) -> None:
        self.directory = directory
        self.sequence = sequence
        super().__init__(
            f"{directory}: {witness} record {sequence}, which is not in this journal: an older copy was put back; put"
            f" the newest one back, or keep this one and {_CURE} under a new number"
        )


class BooksLost(Unfit):
    """The journal's first records were recycled and no checkpoint tells of them: what intents left on cards is not
    known any more, so the number must not go on (P-R7)."""

    def __init__(self, directory: Path, first: int, refused: Mapping[str, str]) -> None:
        self.directory = directory
        self.first = first
        told = "".join(f"; {name}: {why}" for name, why in refused.items())
        super().__init__(
            f"{directory}: the journal begins at record {first} and no checkpoint there tells of those before{told}:"
            f" put the checkpoints back, or collect the journal, move it away and {_CURE} under a new number"
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
    tables: KeptTables
    shelf: Shelf
    log: Logbook
    books: Books
    intake: Intake
    reader: LastingReader
    teller: Teller
    till: Till
    clock: WallClock

    def close(self) -> None:
        """Let go of everything, the journal first: its last records are made durable. Raises `JournalError`."""
        with ExitStack() as open_still:
            open_still.callback(self.reader.close)
            open_still.callback(self.tables.close)
            self.journal.close()


def start(
    config: TerminalConfig,
    *,
    board: bytes = b"",
    system: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    random: Callable[[int], bytes] = os.urandom,
    disk: Disk | None = None,
) -> Station:
    """Start the terminal of `config` on the board with that serial number; `disk` is what journal and tables write to,
    the system's by default.

    Raises `Unfit`, `BadEnrolment`, `NotKept`, the journal's errors.
    """
    if not __debug__:
        raise Unfit("python -O removes the checks that guard money: start without -O and without PYTHONOPTIMIZE")
    identity, seal_private = _identity(config.data, board)
    clock = WallClock(system, monotonic)
    shelf = Shelf(config.data / "checkpoints", identity.number, checkpoint_key(_chain_key(identity.keys)))
    checkpoints = shelf.newest()
    newest = next(checkpoints, None)
    known = None if newest is None else newest[0]
    with ExitStack() as opened:
        journal = opened.enter_context(
            _open_journal(config, identity, clock, random, disk=disk, shelf=shelf, known=known)
        )
        recalled = recall(journal, shelf, chain([newest] if newest else [], checkpoints), identity.keys)
        if recalled is None:
            raise BooksLost(shelf.directory, journal.first_sequence, shelf.refused)
        kept = KeptTables.open(
            config.data / "tables",
            terminal=identity.number,
            chain_key=_chain_key(identity.keys),
            random=random,
            disk=disk,
        )
        tables = opened.enter_context(closing(kept))
        station = _assemble(
            config, identity, seal_private, journal, tables=tables, shelf=shelf, recalled=recalled, clock=clock
        )
        opened.pop_all()
        return station


def _assemble(
    config: TerminalConfig,
    identity: Identity,
    seal_private: bytes,
    journal: Journal,
    *,
    tables: KeptTables,
    shelf: Shelf,
    recalled: tuple[Books, list[Missing]],
    clock: WallClock,
) -> Station:
    books, lost = recalled
    sam, identity = SoftwareSam(identity.keys), identity.public()
    keys, number = identity.keys, identity.number
    clock.at_least(max(books.last_at, tables.server_at))
    log = Logbook(journal, books.memory, clock, books.listener(lambda: journal.next_sequence))
    log.tell_gaps(lost, books.gaps)
    log.close_unfinished()
    inbox = Inbox(
        config.data / "inbox",
        number,
        keys,
        seal_private=seal_private,
        own_tag=lambda sequence: own_tag(journal, sequence),
        applied=books.applied,
        held=tables.versions,
        generation=tables.generation,
    )
    intake = Intake(inbox, tables, journal, log, books=books, clock=clock)
    reader = LastingReader(
        config.reader_device, lambda: open_reader(config.reader_device, config.reader_baud), clock.monotonic
    )
    teller = Teller(reader, sam, log, number, hotlist=frozenset(), limits=TapLimits(config.limits.card_cap))
    intake.take(teller)
    till = Till(config, reader, teller, journal, log, books=books, intake=intake)
    return Station(config, identity, sam, journal, tables, shelf, log, books, intake, reader, teller, till, clock)


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
    config: TerminalConfig,
    identity: Identity,
    clock: WallClock,
    random: Callable[[int], bytes],
    *,
    disk: Disk | None,
    shelf: Shelf,
    known: Place | None,
) -> Journal:
    """The journal, made at the first start and never again (P-R7): `journal.made` remembers that it was."""
    directory, made = config.data / "journal", config.data / _MADE
    key = _chain_key(identity.keys)
    try:
        reader = JournalReader(directory)
        if reader.terminal != identity.number:
            raise ForeignJournal(directory, reader.terminal, identity.number)
        if known is None and reader.first_sequence > 1:
            raise BooksLost(shelf.directory, reader.first_sequence, shelf.refused)
        _refuse_older_copy(reader, config.data, identity, known)
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
    _remember(made, identity.number)
    now = clock.now()
    boot = BootInfo(random(8), now.at, now.quality, importlib.metadata.version("onecard"))
    return Journal.open(directory, chain_key=key, boot=boot, random=random, disk=disk, salvage=True)


def _refuse_older_copy(reader: JournalReader, data: Path, identity: Identity, known: Place | None) -> None:
    """Before anything is written: the inbox's acknowledgement and the newest checkpoint prove what this journal once
    held (F12, P-R7). Only the segments of those two records are read."""
    proofs = [] if known is None else [(known, "a checkpoint tells of")]
    try:
        raw = read_word(data / "inbox" / ACKNOWLEDGEMENT)
        ack = open_acknowledgement(raw, identity.keys, identity.number)
        proofs.append((Place(ack.received, ack.received_tag), "the server acknowledged"))
    except (OnecardError, OSError):
        pass  # no proof; the inbox itself refuses such a file by name
    held = reader.tags(place.sequence for place, _ in proofs)
    for place, witness in proofs:
        tag = held.get(place.sequence)
        once_held = tag == place.tag if tag is not None else _was_reached(reader, place.sequence)
        if place.sequence and not once_held:
            raise JournalRolledBack(data / "journal", place.sequence, witness)


def _was_reached(reader: JournalReader, sequence: int) -> bool:
    """Whether a record that is not found was there: it was recycled, or is lost in a damaged place."""
    mark = reader.durable
    if mark is not None and mark.name.sequence >= sequence:
        return True
    return next(reader.all_entries(sequence, missing=lambda _: None), None) is not None


def _chain_key(keys: KeyRing) -> bytes:
    return keys.key(Role.CHAIN, keys.versions(Role.CHAIN)[0])


def _remember(made: Path, number: int) -> None:
    if not made.exists() or made.read_text().strip() != str(number):
        replace_file(made, f"{number}\n".encode())
