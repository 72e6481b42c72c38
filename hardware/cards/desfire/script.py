"""What the desk is to put on a blank DESFire, and the keys that a card may bear. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from hardware.cards.desfire.layout import KEYS
from onecard.purse.certificate import CERTIFICATE_SIZE
from onecard.purse.record import RECORD_SIZE, unchecked
from onecard.purse.ring import SLOTS

KEY_SIZE = 16


class ApplicationKeys(NamedTuple):
    """The three AES keys of a purse's application, by number."""

    master: bytes
    debit: bytes
    issuer: bytes


@dataclass(frozen=True, slots=True)
class DesfireKeys:
    """Every key of a card: its own master key, and those of its purses' applications."""

    card: bytes = field(repr=False)
    purses: Mapping[int, ApplicationKeys] = field(repr=False)

    def __post_init__(self) -> None:
        for key in (self.card, *(key for keys in self.purses.values() for key in keys)):
            assert len(key) == KEY_SIZE
            assert any(key), "the card would be left with a key from the factory"
        assert all(len(keys) == KEYS for keys in self.purses.values())


@dataclass(frozen=True, slots=True)
class PurseContents:
    """First contents of one purse: its ring's images and the 96-byte load certificate."""

    ring: tuple[bytes, ...]
    certificate: bytes

    def __post_init__(self) -> None:
        assert len(self.ring) == SLOTS
        assert all(len(image) == RECORD_SIZE for image in self.ring)
        assert len(self.certificate) == CERTIFICATE_SIZE

    def records(self) -> Iterator[bytes]:
        """The images in the order they are written, the oldest first."""
        return iter(sorted(self.ring, key=lambda image: unchecked(image).counter))


@dataclass(frozen=True, slots=True)
class DesfireScript:
    """Everything that goes onto the card `uid`; `contents` by purse, for the same purses as its keys."""

    uid: bytes
    keys: DesfireKeys
    contents: Mapping[int, PurseContents]

    def __post_init__(self) -> None:
        assert self.contents.keys() == self.keys.purses.keys()
