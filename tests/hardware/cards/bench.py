"""A real reader process on a pty with MIFARE Classic cards in files, driven through the shipped reader."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hardware.cards.classic_layout import SECTORS
from hardware.cards.desfire.opening import Openings
from hardware.cards.personalisation_script import PersonalisationScript, PurseImages, SectorKeys
from hardware.cards.port import PurseCard
from hardware.cards.selection import select_purse
from hardware.pn532.opening import open_reader
from hardware.pn532.reader import Pn532Reader
from hardware.reader import CardGone, Target
from hardware.virtual import card_file
from hardware.virtual.classic_card import blank_image
from hardware.virtual.process import VirtualReader
from tests.hardware.cards.conformance import Tear

UID = bytes.fromhex("d610b626")
OTHER_UID = bytes.fromhex("04782e21801d80")
FACTORY_KEYS = [(b"\xff" * 6, b"\xff" * 6)] * SECTORS


class BenchKeys:
    """Keys of the bench's cards; with `strange` those of nobody."""

    def __init__(self, strange: bool = False) -> None:
        self._strange = strange

    def classic_keys(self, uid: bytes, sector: int) -> list[bytes]:
        return [b"strang"] if self._strange else [_key(uid, sector, b"A")]


def _key(uid: bytes, sector: int, which: bytes) -> bytes:
    return hashlib.sha256(b"bench" + uid + which + bytes([sector])).digest()[:6]


def script_for(uid: bytes) -> PersonalisationScript:
    """A job for purses 0 and 1."""
    keys = tuple(SectorKeys(_key(uid, sector, b"A"), _key(uid, sector, b"B")) for sector in range(SECTORS))
    purses = {
        purse: PurseImages((bytes([0x10 + purse]) * 16, bytes(16), bytes(16)), bytes([0xA0 + purse]) * 96)
        for purse in (0, 1)
    }
    return PersonalisationScript(uid, keys, purses)


def blank_card(path: Path, uid: bytes = UID) -> Path:
    """A card as from the factory."""
    card_file.save(path, blank_image(uid, FACTORY_KEYS))
    return path


def personalised_card(path: Path, uid: bytes = UID) -> Path:
    """A card as from the desk, without the desk: blocks set in the file."""
    script = script_for(uid)
    image = blank_image(uid, FACTORY_KEYS)
    for block, data in script.data().items():
        image.blocks[block] = data
    for sector in range(SECTORS):
        image.blocks[4 * sector + 3] = script.trailer(sector)
    card_file.save(path, image)
    return path


class ReaderBench:
    """One virtual reader process and the shipped reader on it."""

    def __init__(self, process: VirtualReader, reader: Pn532Reader) -> None:
        self.process = process
        self.reader = reader
        self._lying: list[Path] = []

    def place(self, *paths: Path) -> None:
        """Exactly these cards lie in the field, freshly laid down, and no tear waits for them."""
        self.remove()
        self.tear(None)
        for path in paths:
            self.process.command(f"place {path}")

    def remove(self) -> None:
        self.process.command("remove")

    def tear(self, tear: Tear | None) -> None:
        """Order a tear at a host command from now; none: a command that never comes."""
        mode, command = ("before", 1_000_000) if tear is None else (tear.mode, tear.command)
        self.process.command(f"tear {mode} command {command}")

    def poll_one(self) -> Target:
        targets = self.reader.poll()
        if len(targets) != 1:
            raise CardGone(self.reader.name, "not listed")
        return targets[0]


@contextmanager
def reader_bench(folder: Path, session_baud: int = 115200) -> Iterator[ReaderBench]:
    """A reader process with nothing in its field."""
    with VirtualReader(folder / "reader") as process, open_reader(str(process.link), session_baud) as reader:
        yield ReaderBench(process, reader)


class ClassicBench:
    """The `CardBench` of the Classic family."""

    debit_commands = 7
    commit_command = 6

    def __init__(self, bench: ReaderBench, folder: Path) -> None:
        self._bench = bench
        self._card = personalised_card(folder / "card")
        self._other = personalised_card(folder / "other", OTHER_UID)

    def present(self, tear: Tear | None = None, purse: int = 0, own_keys: bool = True) -> PurseCard:
        self._bench.place(self._card)
        self._bench.tear(tear)
        target = self._bench.poll_one()
        return select_purse(self._bench.reader, target, BenchKeys(strange=not own_keys), purse, Openings())

    def remove(self) -> None:
        self._bench.remove()

    def swap(self) -> None:
        self._bench.place(self._other)

    def add_another(self) -> None:
        self._bench.process.command(f"place {self._other}")

    def commands(self) -> int:
        return self._bench.reader.commands
