"""A whole till in one process, for benches and tests: virtual reader, shipped driver, real journal, money core."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from firmware.logbook import Logbook
from firmware.purse_memory import PurseMemory
from firmware.tap import TapLimits, Teller
from hardware.cards.classic_layout import SECTORS
from hardware.cards.desfire import layout
from hardware.cards.personalisation_script import PersonalisationScript, PurseImages, SectorKeys
from hardware.pn532.opening import open_reader
from hardware.pn532.reader import Pn532Reader
from hardware.sam.software import SoftwareSam
from hardware.virtual import card_file
from hardware.virtual.classic_card import blank_image
from hardware.virtual.desfire.contents import Generation
from hardware.virtual.process import VirtualReader
from onecard import keys
from onecard.card_keys import classic_key_a, classic_key_b, desfire_application_key, desfire_debit_key
from onecard.clock import Instant
from onecard.hotlist import HOTLIST, number_bytes
from onecard.identity import CardNumber, DayNumber, card_number
from onecard.journal import BootInfo, Journal, JournalReader
from onecard.keys import KeyRing, Role
from onecard.kinds import CardKind, ClockQuality, PurseUnit
from onecard.money import Fen
from onecard.packed_table import PackedTable, TableChange
from onecard.purse import certificate as certificates
from onecard.purse import record
from onecard.purse.certificate import Certificate, Flags
from onecard.purse.record import DebitRecord, LoadReference
from onecard.purse.ring import slot_of
from onecard.records import Record, decode_record
from onecard.tariff import Quote, Reason
from tools.bench.desfire import PurseContents, personalised_image

CHAIN_KEY = bytes(range(32))
_KEY_PROCESS_ONLY = (Role.CLASSIC_PERSONALISE, Role.DESFIRE_PERSONALISE)
NOON = 1_795_000_000
NO_LIMIT = TapLimits(Fen(10**9))


class StandingClock:
    """A clock that tests move by hand."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> Instant:
        return Instant(self.at, ClockQuality.TRUSTED)

    def monotonic(self) -> float:
        return float(self.at)


@dataclass(frozen=True)
class Issuer:
    """The issuer and all masters, as the key process would hold them."""

    seed: bytes = bytes(range(32))
    masters: dict[Role, bytes] = field(
        default_factory=lambda: {
            Role.DEBIT_MAC: b"debit mac master",
            Role.CLASSIC_READ_WRITE: b"classic A master",
            Role.CLASSIC_PERSONALISE: b"classic B master",
            Role.DESFIRE_DEBIT: b"DESFire D master",
            Role.DESFIRE_PERSONALISE: b"DESFire P master",
        }
    )
    earlier: Mapping[Role, bytes] = field(default_factory=dict)
    """Masters of version 0, which terminals still hold."""

    @cached_property
    def terminal_keys(self) -> KeyRing:
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        held: dict[tuple[Role, int], bytes] = {(Role.ISSUER, 1): public}
        held |= {(role, 1): key for role, key in self.masters.items() if role not in _KEY_PROCESS_ONLY}
        held |= {(role, 0): key for role, key in self.earlier.items()}
        return KeyRing(held)

    def certificate(self, uid: bytes, load_sequence: int, loaded: int, **changes: object) -> bytes:
        """The 96 bytes of a stored-value card's certificate; `changes` are other fields of `Certificate`."""
        fields: dict[str, object] = {
            "purse": 0,
            "key_id": 1,
            "unit": PurseUnit.FEN,
            "kind": CardKind.STORED_VALUE,
            "flags": Flags.NONE,
            "tier": 1,
            "load_sequence": load_sequence,
            "loaded": loaded,
            "floor_counter": 2,
            "floor_debited": 0,
            "expiry": DayNumber(20_000),
            "uid": uid,
            "card_number": self.number(uid),
        }
        statement = Certificate(**(fields | changes))  # type: ignore[arg-type]
        return certificates.issue(statement, lambda domain, message: keys.sign(self.seed, domain, message))

    @staticmethod
    def number(uid: bytes) -> CardNumber:
        return card_number(int.from_bytes(uid[:4], "big"))

    def record_image(self, uid: bytes, written: DebitRecord, purse: int = 0) -> bytes:
        return record.encode(written, record.record_key(self.masters[Role.DEBIT_MAC], uid), purse)

    def script(self, uid: bytes, certificate: bytes, counter: int = 0) -> PersonalisationScript:
        """What a desk writes: three null records under copy 0, the certificate in both copies."""
        load_sequence = int.from_bytes(certificate[4:7], "big")
        reference = LoadReference.of(0, load_sequence)
        written = [DebitRecord(counter + place, reference, 0, 0, 0) for place in range(3)]
        first, second, third = (
            self.record_image(uid, each) for each in sorted(written, key=lambda each: slot_of(each.counter))
        )
        sector_keys = tuple(
            SectorKeys(
                classic_key_a(self.masters[Role.CLASSIC_READ_WRITE], uid, sector),
                classic_key_b(self.masters[Role.CLASSIC_PERSONALISE], uid, sector),
            )
            for sector in range(SECTORS)
        )
        return PersonalisationScript(uid, sector_keys, {0: PurseImages((first, second, third), certificate)})

    def card(self, path: Path, uid: bytes, loaded: int, *, counter: int = 0, **changes: object) -> Path:
        """A personalised card in a file, its blocks set without a reader; `counter` is that of its first record."""
        script = self.script(uid, self.certificate(uid, 1, loaded, **changes), counter)
        image = blank_image(uid, [(b"\xff" * 6, b"\xff" * 6)] * SECTORS)
        for block, data in script.data().items():
            image.blocks[block] = data
        for sector in range(SECTORS):
            image.blocks[4 * sector + 3] = script.trailer(sector)
        card_file.save(path, image)
        return path

    def desfire_card(
        self, path: Path, uid: bytes, loaded: int, generation: Generation, *, counter: int = 0, **changes: object
    ) -> Path:
        """The same on a DESFire, as purse 0."""
        place, certificate = layout.application(0), self.certificate(uid, 1, loaded, **changes)
        reference = LoadReference.of(0, 1)
        written = (DebitRecord(counter + each, reference, 0, 0, 0) for each in range(3))
        contents = PurseContents(
            keys=(
                desfire_application_key(self.masters[Role.DESFIRE_PERSONALISE], uid, place, layout.MASTER_KEY),
                desfire_debit_key(self.masters[Role.DESFIRE_DEBIT], uid, place),
                desfire_application_key(self.masters[Role.DESFIRE_PERSONALISE], uid, place, layout.ISSUER_KEY),
            ),
            certificate=certificate,
            records=tuple(self.record_image(uid, each) for each in written),
        )
        card_file.save(path, personalised_image(uid, generation, {0: contents}))
        return path


def fixed(amount: int) -> Quote:
    """The quote of a fixed amount."""
    return Quote(Fen(amount), Fen(amount), 1000, Reason.LIST, 1, 0, 0, 1, 0)


class Till:
    """One terminal's money core on a reader; `restart` is a power cut and a start."""

    def __init__(self, reader: Pn532Reader, folder: Path, issuer: Issuer, terminal: int) -> None:
        self.reader = reader
        self.issuer = issuer
        self.clock = StandingClock()
        self.hotlist = PackedTable(HOTLIST)
        self._folder = folder
        self._terminal = terminal
        Journal.create(
            folder, terminal=terminal, chain_key=CHAIN_KEY, salt=os.urandom, segments=4, segment_size=1 << 18
        )
        self.start()

    def start(self, limits: TapLimits = NO_LIMIT) -> None:
        info = BootInfo(os.urandom(8), NOON, ClockQuality.TRUSTED, "test")
        self.journal = Journal.open(self._folder, chain_key=CHAIN_KEY, boot=info, random=os.urandom)
        self.memory = PurseMemory(self._terminal, self.issuer.terminal_keys)
        for entry in self.journal.entries():
            self.memory.note(entry.name.sequence, decode_record(entry.kind, entry.payload))
        self.log = Logbook(self.journal, self.memory, self.clock)
        self.log.close_unfinished()
        sam = SoftwareSam(self.issuer.terminal_keys)
        self.teller = Teller(self.reader, sam, self.log, self._terminal, hotlist=self.hotlist, limits=limits)

    def refuse(self, number: CardNumber) -> None:
        """Put a card on the hotlist."""
        version = self.hotlist.version
        change = TableChange(version, version + 1, number_bytes(number))
        self.teller.hotlist = self.hotlist = self.hotlist.apply(change)

    def restart(self, limits: TapLimits = NO_LIMIT) -> None:
        self.journal.close()
        self.start(limits)

    def pay(self, amount: int = 1000) -> object:
        return self.teller.tap(lambda tier: fixed(amount))

    @property
    def durable(self) -> int:
        """The last sequence that a power cut would leave, as another process sees it."""
        mark = JournalReader(self._folder).durable
        assert mark is not None
        return mark.name.sequence

    def records(self, schema: type[Record]) -> list[Record]:
        """What the journal holds of one kind, oldest first."""
        entries = (decode_record(entry.kind, entry.payload) for entry in self.journal.entries())
        return [entry for entry in entries if isinstance(entry, schema)]


@dataclass
class Counter:
    """The reader in front of the patron."""

    process: VirtualReader
    reader: Pn532Reader

    def place(self, *cards: Path) -> None:
        """Exactly these cards lie on the reader, freshly laid down."""
        self.process.command("remove")
        for card in cards:
            self.process.command(f"place {card}")

    def tear(self, mode: str, after_writes: int = 0) -> None:
        """Pull the card away at that block write from now."""
        self.process.command(f"tear {mode} {after_writes}")


@contextmanager
def counter(folder: Path, seed: int = 0) -> Iterator[Counter]:
    """A virtual reader process with the shipped driver on it."""
    with VirtualReader(folder / "reader", seed=seed) as process, open_reader(str(process.link), 115200) as reader:
        yield Counter(process, reader)


def uids(count: int) -> Sequence[bytes]:
    """Different four-byte UIDs."""
    return [bytes([0x20 + number, 0x31, 0x42, 0x53]) for number in range(count)]
