"""The `CardBench` of the DESFire family: cards in files, behind the reader process of tests.hardware.cards.bench."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hardware.cards.desfire.layout import application
from hardware.cards.desfire.opening import Openings
from hardware.cards.port import PurseCard
from hardware.cards.selection import select_purse
from hardware.virtual import card_file
from hardware.virtual.desfire.contents import Generation
from tests.hardware.cards.bench import ReaderBench
from tests.hardware.cards.conformance import Tear
from tools.bench.desfire import PurseContents, personalised_image

UID = bytes.fromhex("04782e21801d80")
OTHER_UID = bytes.fromhex("04782e21801d81")


class DesfireKeys:
    """Debit keys of the bench's cards; with `strange` those of nobody."""

    def __init__(self, strange: bool = False) -> None:
        self._strange = strange

    def classic_keys(self, uid: bytes, sector: int) -> list[bytes]:
        raise AssertionError("this bench has no Classic card")

    def desfire_keys(self, uid: bytes, application: bytes) -> list[bytes]:
        return [b"a strange key 16" if self._strange else _key(uid, application, 1)]


def _key(uid: bytes, application: bytes, number: int) -> bytes:
    return hashlib.sha256(b"bench" + uid + application + bytes([number])).digest()[:16]


def first_record(purse: int) -> bytes:
    """Counter 0, nothing debited."""
    return bytes(7) + bytes([0x10 + purse]) * 9


def personalised_card(path: Path, generation: Generation, uid: bytes = UID) -> Path:
    """A card as from the desk, with purses 0 and 1."""
    purses = {}
    for purse in (0, 1):
        first, second, third = (_key(uid, application(purse), number) for number in range(3))
        purses[purse] = PurseContents((first, second, third), bytes([0xA0 + purse]) * 96, (first_record(purse),))
    card_file.save(path, personalised_image(uid, generation, purses))
    return path


class DesfireBench:
    """One reader, one card with purses 0 and 1, and another."""

    debit_commands = 9
    commit_command = 9

    def __init__(self, bench: ReaderBench, folder: Path, generation: Generation) -> None:
        self._bench = bench
        self._card = personalised_card(folder / "card", generation)
        self._other = personalised_card(folder / "other", generation, OTHER_UID)
        self._openings = Openings()

    def present(self, tear: Tear | None = None, purse: int = 0, own_keys: bool = True) -> PurseCard:
        self._bench.place(self._card)
        self._bench.tear(tear)
        target = self._bench.poll_one()
        keys = DesfireKeys(strange=not own_keys)
        return select_purse(self._bench.reader, target, keys, purse, self._openings)

    def remove(self) -> None:
        self._bench.remove()

    def swap(self) -> None:
        self._bench.place(self._other)

    def add_another(self) -> None:
        self._bench.process.command(f"place {self._other}")

    def commands(self) -> int:
        return self._bench.reader.commands
