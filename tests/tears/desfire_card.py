"""A whole DESFire card as a value, for the desk, which changes what a terminal never does: keys, applications."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace

from hardware.cards.desfire.cipher import Key, KeyType
from hardware.cards.desfire.layout import CERTIFICATE_FILE, DEBIT_FILE, RING_FILE, application
from hardware.cards.desfire.messaging import NewKey
from hardware.virtual.desfire.contents import Contents, DesfireImage, File, Generation, RecordFile, blank_image
from hardware.virtual.desfire.memory import Memory
from hardware.virtual.iso_dep_card import IsoDepCard
from hardware.virtual.schedule import Schedule
from tests.tears.desfire import SEED
from tests.tears.family import Laid


@dataclass(frozen=True, slots=True)
class WholeCard:
    """The image: everything that the card holds."""

    uid: bytes
    contents: Contents = field(compare=False)
    _told: Hashable = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_told", _as_value(self.contents))

    @property
    def keys(self) -> tuple[NewKey, ...]:
        """Every key of the card."""
        return self.contents.key, *(key for each in self.contents.applications.values() for key in each.keys)

    @property
    def data(self) -> Hashable:
        """What its applications hold, without their keys."""
        return tuple((aid, _files(each.files)) for aid, each in sorted(self.contents.applications.items()))

    def data_files(self) -> tuple[Hashable, ...]:
        """What purse 0's files 1, 2 and 3 hold; None for one that is not there, or has no record."""
        held = self.contents.applications.get(application(0))
        files = held.files if held else {}
        ring = files.get(RING_FILE)
        records = ring.records if isinstance(ring, RecordFile) else None
        return files.get(CERTIFICATE_FILE), files.get(DEBIT_FILE), records or None

    def lay(self, schedule: Schedule) -> Laid:
        """The card, to be laid in a field."""
        memory = Memory(DesfireImage(self.uid, self.contents), lambda _: None, schedule, SEED)
        return Laid(IsoDepCard(memory), lambda: WholeCard(self.uid, memory.contents))


def blank(uid: bytes, generation: Generation) -> WholeCard:
    """A card as from the factory."""
    return WholeCard(uid, blank_image(uid, generation).contents)


def with_card_key(contents: Contents, secret: bytes, settings: int) -> Contents:
    """The contents under another AES master key of the card."""
    return replace(contents, key=NewKey(Key(KeyType.AES, secret), 1), settings=settings)


def _as_value(contents: Contents) -> Hashable:
    applications = tuple(
        (aid, each.settings, each.kind, each.keys, _files(each.files))
        for aid, each in sorted(contents.applications.items())
    )
    return contents.key, contents.settings, applications


def _files(files: Mapping[int, File]) -> Hashable:
    return tuple(sorted(files.items(), key=lambda item: item[0]))
