"""What differs between card families: a card as a value, how its writes tear, and what it can read as."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from enum import Enum, auto
from typing import NamedTuple, Protocol

from hardware.virtual.air import Card
from hardware.virtual.schedule import Schedule
from tests.tears.choices import Choices
from tests.tears.cuts import Tear
from tools.bench.till import Issuer


class Grain(Enum):
    """How finely a write is cut."""

    COMMANDS = auto()
    """Before it reaches the card, and before its answer reaches the host."""
    CLASSES = auto()
    """Once for each kind of block that a tear can leave."""
    BYTES = auto()
    """At every byte in each tear mode."""


class Reading(NamedTuple):
    """What one purse of a card says: three 16-byte ring images in slot order, the 96-byte certificate copies."""

    ring: tuple[bytes, bytes, bytes]
    copies: tuple[bytes, ...]


class Laid(NamedTuple):
    """A card in a field, and the way back to its image."""

    card: Card
    image: Callable[[], Hashable]


class Family(Protocol):
    """A card family as the explorer needs it. An image is a value: comparable, hashable, never changed."""

    @property
    def name(self) -> str:
        """As it is printed."""
        ...

    def issued(self, issuer: Issuer, uid: bytes, certificate: bytes) -> Hashable:
        """The image of a card as the desk gives it away, `certificate` in force."""
        ...

    def lay(self, image: Hashable, schedule: Schedule, choices: Choices, tear: Tear | None) -> Laid:
        """The card, to be laid in a field; its weak cells read as `choices` say, `tear` is the one the schedule has."""
        ...

    def tears(self, command: bytes, grain: Grain) -> Sequence[Tear]:
        """The ways to cut one host command; `command` is what goes to the card, empty for one to the reader."""
        ...

    def commits(self, command: bytes) -> bool:
        """Whether a host command is one that makes a write last."""
        ...

    def readings(self, image: Hashable) -> Iterator[Reading]:
        """Everything purse 0 can read as."""
        ...

    def violation(self, image: Hashable) -> str | None:
        """What a card of this family may never be, beside the invariants of all."""
        ...

    def meaning(self, image: Hashable, names: Callable[[bytes], Hashable]) -> Hashable:
        """The image with each piece replaced by its name: images alike in it are treated alike by any reader."""
        ...
