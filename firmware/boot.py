"""The start of a terminal: identity, journal, what the journal says, and the devices.

Order matters: the journal is opened (and its BOOT record durable) before anything else can be written; what it says is
known before the session begins; the kept tables and then the inbox come after it, because versions never go back.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from firmware.books import Books
from firmware.checkpoint import checkpoint_key
from firmware.config import TerminalConfig
from firmware.courier_port import CourierPort
from firmware.inbox import Inbox
from firmware.intake import Intake
from firmware.kept_keys import KeptKeys
from firmware.kept_tables import KeptTables
from firmware.lasting_reader import LastingReader
from firmware.logbook import Logbook
from firmware.one_journal import open_journal
from firmware.packed_shelf import PackedShelf, packed_key
from firmware.packed_tables import PackedTables
from firmware.recall import own_tag, recall
from firmware.shelf import Shelf
from firmware.tap import TapLimits, Teller
from firmware.till import Till
from firmware.unfit import BooksLost, NotEnrolled, Unfit
from firmware.wall_clock import WallClock
from hardware.pn532.opening import open_reader
from hardware.sam.port import Sam
from hardware.sam.software import ROLES, SoftwareSam
from onecard.downlink import Table
from onecard.enrolment import Identity, decode_identity, open_keys
from onecard.inbox_names import PACKED_FOLDER
from onecard.journal import Journal, Missing
from onecard.journal.disk import Disk
from onecard.keys import Role


@dataclass(frozen=True, slots=True)
class Station:
    """Everything a started terminal works with. `identity` holds no secret: those are in the SAM and the journal."""

    config: TerminalConfig
    identity: Identity
    sam: Sam
    journal: Journal
    tables: KeptTables
    packed: PackedTables
    shelf: Shelf
    log: Logbook
    books: Books
    intake: Intake
    reader: LastingReader
    teller: Teller
    till: Till
    port: CourierPort
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
    boot: str = "",
) -> Station:
    """Start the terminal of `config` on the board with that serial number; `disk` is what journal and tables write to,
    the system's by default; `boot` names this start of the machine (`hardware.board.boot_id`), and without it no
    courier's port is opened.

    Raises `Unfit`, `BadEnrolment`, `NotKept`, the journal's errors.
    """
    if not __debug__:
        raise Unfit("python -O removes the checks that guard money: start without -O and without PYTHONOPTIMIZE")
    secret, seal_private = own_identity(config.data, board)
    chain_key = secret.keys.key(Role.CHAIN, secret.keys.versions(Role.CHAIN)[0])
    clock = WallClock(system, monotonic)
    with ExitStack() as opened:
        storage = _open_storage(config, secret, chain_key, clock, random=random, disk=disk, opened=opened)
        station = _assemble(config, secret, seal_private, clock, storage, boot=boot, board=board)
        opened.pop_all()
        return station


@dataclass(frozen=True, slots=True)
class _Storage:
    """What lies on the disk, open, and what it says: the books, the records found lost on the way."""

    journal: Journal
    tables: KeptTables
    packed: PackedTables
    shelf: Shelf
    books: Books
    lost: list[Missing]


def _open_storage(
    config: TerminalConfig,
    secret: Identity,
    chain_key: bytes,
    clock: WallClock,
    *,
    random: Callable[[int], bytes],
    disk: Disk | None,
    opened: ExitStack,
) -> _Storage:
    """In the order of the module's rule; `opened` closes what is open should the start fail later."""
    shelf = Shelf(config.data / "checkpoints", secret.number, checkpoint_key(chain_key))
    older = shelf.newest()
    newest = next(older, None)
    known = newest[0] if newest else None
    journal = opened.enter_context(
        open_journal(config, secret, chain_key, clock, random=random, disk=disk, shelf=shelf, known=known)
    )
    recalled = recall(journal, shelf, chain([newest] if newest else [], older), secret.keys)
    if recalled is None:
        raise BooksLost(shelf.directory, journal.first_sequence, shelf.refused)
    tables = KeptTables.open(
        config.data / "tables", terminal=secret.number, chain_key=chain_key, random=random, disk=disk
    )
    opened.enter_context(closing(tables))
    packed_shelf = PackedShelf(config.data / PACKED_FOLDER, secret.number, packed_key(chain_key), disk)
    packed = PackedTables(packed_shelf, secret.keys)
    return _Storage(journal, tables, packed, shelf, *recalled)


def _assemble(
    config: TerminalConfig,
    secret: Identity,
    seal_private: bytes,
    clock: WallClock,
    storage: _Storage,
    *,
    boot: str,
    board: bytes,
) -> Station:
    journal, tables, packed, books = storage.journal, storage.tables, storage.packed, storage.books
    sam, identity = SoftwareSam(secret.keys), secret.public()
    keys, number = identity.keys, identity.number
    clock.at_least(max(books.last_at, tables.server_at))
    log = Logbook(journal, books.memory, clock, books.listener(lambda: journal.next_sequence))
    log.tell_gaps(storage.lost, books.gaps)
    log.close_unfinished()
    inbox = Inbox(
        config.data / "inbox",
        number,
        keys,
        seal_private=seal_private,
        own_tag=lambda sequence: own_tag(journal, sequence),
        applied=books.applied,
        held={**tables.versions, **packed.versions},
        generation=tables.generation,
    )
    seal_public = X25519PrivateKey.from_private_bytes(seal_private).public_key().public_bytes_raw()
    kept_keys = KeptKeys(config.data, secret, seal_public, board, sam)
    intake = Intake(
        inbox, tables, packed, journal, log, books=books, keys=kept_keys, own_limits=config.limits, clock=clock
    )
    reader = LastingReader(
        config.reader_device, lambda: open_reader(config.reader_device, config.reader_baud), clock.monotonic
    )
    teller = Teller(reader, sam, log, number, hotlist=packed[Table.HOTLIST], limits=TapLimits(intake.limits.card_cap))
    intake.take(teller)
    port = CourierPort(config.data, log, boot)
    till = Till(config, reader, teller, journal, log, books=books, intake=intake, port=port)
    return Station(
        config,
        identity,
        sam,
        journal,
        tables,
        packed,
        storage.shelf,
        log,
        books,
        intake,
        reader,
        teller,
        till,
        port,
        clock,
    )


def own_identity(data: Path, board: bytes) -> tuple[Identity, bytes]:
    """The identity with its secrets that enrolment left in `data`, and the X25519 private key. Raises `NotEnrolled`,
    `BadEnrolment`."""
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
