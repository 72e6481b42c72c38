"""A terminal that is switched on: the firmware's own parts, put together as `firmware.boot` does, on the simulation's
reader, storage and clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from firmware.books import Books
from firmware.checkpoint import Place, checkpoint_key
from firmware.config import Language, SaleMode, SaleSettings, TerminalConfig
from firmware.courier_port import CourierPort
from firmware.intake import Intake
from firmware.kept_keys import KeptKeys
from firmware.kept_tables import KeptTables
from firmware.one_journal import Proof, refuse_older_copy
from firmware.packed_shelf import packed_key
from firmware.packed_tables import PackedTables
from firmware.recall import own_tag, recall
from firmware.shelf import Shelf
from firmware.tap import TapLimits, Teller
from firmware.till import Till
from firmware.unfit import BooksLost
from firmware.upkeep import Upkeep
from firmware.wall_clock import WallClock
from hardware.reader import Reader
from hardware.sam.software import SoftwareSam
from onecard.downlink import Table, open_acknowledgement
from onecard.enrolment import Identity
from onecard.errors import OnecardError
from onecard.identity import TerminalNumber
from onecard.inbox_names import ACKNOWLEDGEMENT
from onecard.journal import BootInfo, Journal, JournalReader
from onecard.keys import KeyRing
from onecard.money import Fen
from onecard.records import Record
from onecard.settings import Settings
from tools.fleet.chance import Chance
from tools.fleet.keys import TerminalKeys
from tools.fleet.power import Power, PoweredLogbook
from tools.fleet.storage import DIRECTORY, MemoryInbox, MemoryPackedShelf, MemoryShelf, Storage

SEGMENT_SIZE = 1 << 15
SEGMENTS = 20
"""Of a simulated terminal's journal: some 1,600 taps, and a week of them is kept whatever is acknowledged."""
SOFTWARE = "fleet"
_DEVICE = Path("/dev/null")


def config_of(limits: Mapping[str, int]) -> TerminalConfig:
    """A terminal in show mode, whose own file names these limits."""
    return TerminalConfig(
        data=DIRECTORY,
        language=Language.ENGLISH,
        reader_device="fleet",
        reader_baud=115200,
        display_directory=DIRECTORY,
        keypad_device=_DEVICE,
        sale=SaleSettings(SaleMode.SHOW, Fen(0), 0, 0),
        limits=limits,
        cut_off_hour=6,
        segments=SEGMENTS,
        segment_size=SEGMENT_SIZE,
    )


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What enrolment gave a terminal."""

    identity: Identity
    chain_key: bytes
    seal_private: bytes
    seal_public: bytes
    config: TerminalConfig

    @classmethod
    def of(cls, number: int, site: str, ring: KeyRing, own: TerminalKeys, limits: Settings) -> Enrolled:
        """A terminal that holds these keys, and whose own file says what the centre does."""
        named = {name: value for name, value in asdict(limits).items() if name != "good_days"}
        identity = Identity(TerminalNumber(number), site, site, ring)
        return cls(identity, own.chain, own.sealing, own.sealing_public, config_of(named))


@dataclass(frozen=True, slots=True)
class Station:
    """Everything that is lost when the power goes."""

    journal: Journal
    books: Books
    log: PoweredLogbook
    intake: Intake
    inbox: MemoryInbox
    packed: PackedTables
    teller: Teller
    till: Till
    upkeep: Upkeep
    clock: WallClock


@lru_cache(maxsize=1)
def _empty(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def make_journal(enrolled: Enrolled, storage: Storage, draw: Chance, nowhere: Path) -> None:
    """An empty journal on the storage's disk; `nowhere` is a directory in which nothing lies."""
    Journal.create(
        nowhere,
        terminal=enrolled.identity.number,
        chain_key=enrolled.chain_key,
        salt=draw.raw,
        segment_size=SEGMENT_SIZE,
        segments=SEGMENTS,
        disk=storage.disk,
    )


def start(
    enrolled: Enrolled,
    storage: Storage,
    *,
    sam: SoftwareSam,
    reader: Reader,
    power: Power,
    draw: Chance,
    system: Callable[[], float],
    monotonic: Callable[[], float],
    recalled_from: Callable[[Books], None],
    heard: Callable[[int, Record], None],
) -> Station:
    """Switch it on; `recalled_from` is told the books as the storage had them. Raises `firmware.unfit.Unfit`, the
    journal's errors."""
    identity, disk = enrolled.identity, storage.disk
    number, keys = identity.number, identity.keys
    clock = WallClock(system, monotonic)
    shelf = MemoryShelf(storage, number, checkpoint_key(enrolled.chain_key))
    checkpoints = list(shelf.newest())
    reader_of_journal = JournalReader(DIRECTORY, disk=disk)
    refuse_older_copy(reader_of_journal, DIRECTORY, _proofs(storage, keys, number, checkpoints))
    now = clock.now()
    boot = BootInfo(draw.raw(8), now.at, now.quality, SOFTWARE)
    journal = Journal.open(DIRECTORY, chain_key=enrolled.chain_key, boot=boot, random=draw.raw, disk=disk, salvage=True)
    recalled = recall(journal, shelf, checkpoints, keys)
    if recalled is None:
        journal.close()
        raise BooksLost(shelf.directory, journal.first_sequence, shelf.refused)
    books, lost = recalled
    recalled_from(books)
    tables = KeptTables(None, number, [])
    packed = PackedTables(MemoryPackedShelf(storage, number, packed_key(enrolled.chain_key)), keys)
    clock.at_least(books.last_at)

    def listen(record: Record) -> None:
        sequence = journal.next_sequence - 1
        books.note(sequence, record)
        heard(sequence, record)

    log = PoweredLogbook(journal, books.memory, clock, listen, power)
    log.tell_gaps(lost, books.gaps)
    log.close_unfinished()
    inbox = MemoryInbox(
        storage,
        number,
        keys,
        seal_private=enrolled.seal_private,
        own_tag=lambda sequence: own_tag(journal, sequence),
        applied=books.applied,
        held={**tables.versions, **packed.versions},
        generation=tables.generation,
    )
    kept_keys = KeptKeys(DIRECTORY, identity, enrolled.seal_public, b"", sam)
    config = enrolled.config
    intake = Intake(
        inbox, tables, packed, journal, log, books=books, keys=kept_keys, own_limits=config.limits, clock=clock
    )
    limits = TapLimits(intake.limits.card_cap)
    teller = Teller(reader, sam, log, number, hotlist=packed[Table.HOTLIST], limits=limits)
    intake.take(teller)
    port = CourierPort(DIRECTORY, log, "")
    till = Till(config, reader, teller, journal, log, books=books, intake=intake, port=port)
    upkeep = Upkeep(journal, log, books, tables=tables, packed=packed, shelf=_as_shelf(shelf))
    return Station(journal, books, log, intake, inbox, packed, teller, till, upkeep, clock)


def _as_shelf(shelf: MemoryShelf) -> Shelf:
    return shelf


def _proofs(storage: Storage, keys: KeyRing, number: int, checkpoints: list[tuple[Place, bytes]]) -> list[Proof]:
    proofs = [Proof(place, "a checkpoint tells of") for place, _ in checkpoints[:1]]
    try:
        ack = open_acknowledgement(storage.inbox[ACKNOWLEDGEMENT], keys, number)
    except (KeyError, OnecardError):
        return proofs
    return [*proofs, Proof(Place(ack.received, ack.received_tag), "the server acknowledged")]
