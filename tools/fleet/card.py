"""A patron's card, and its purse as a terminal sees it during one presentation: `hardware.cards.port.PurseCard`.

The binding is at the card port: what lies below it (key derivation of sectors, PN532 frames) has its own tests, and a
share of the taps here goes through it (`tools.fleet.frames`). A Classic has three ring blocks and two copies of six; a
DESFire commits as a whole or not at all, and its answer may be lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from hardware.cards.port import CardFamily, Written
from hardware.reader import CardGone
from onecard.purse.certificate import CERTIFICATE_SIZE
from onecard.purse.ring import SLOTS
from tools.fleet.cells import BLOCK_SIZE, TORN, Blocks, Write
from tools.fleet.chance import Chance
from tools.fleet.power import CARD_WRITE, Power

COPY_BLOCKS = CERTIFICATE_SIZE // BLOCK_SIZE
_BLANK = bytes(BLOCK_SIZE)


class ClassicPurse:
    """Three ring blocks, then two copies of the certificate."""

    __slots__ = ("blocks",)
    family = CardFamily.CLASSIC

    def __init__(self, ring: tuple[bytes, bytes, bytes], certificate: bytes) -> None:
        copy = [certificate[at : at + BLOCK_SIZE] for at in range(0, CERTIFICATE_SIZE, BLOCK_SIZE)]
        self.blocks = Blocks([*ring, *copy, *copy])

    def copy(self) -> ClassicPurse:
        """The same bytes on another chip."""
        other = ClassicPurse.__new__(ClassicPurse)
        other.blocks = self.blocks.copy()
        return other

    @property
    def ring(self) -> list[bytes]:
        """The ring's images as written."""
        return self.blocks.images[:SLOTS]

    @property
    def weak_slots(self) -> list[int]:
        """Ring slots that some readings show and others do not."""
        return [slot for slot in range(SLOTS) if slot in self.blocks.weak]

    def certificate(self, copy: int) -> bytes | None:
        """The 96 bytes of a copy that every reading shows; None when it has a weak block."""
        start = SLOTS + copy * COPY_BLOCKS
        if any(place in self.blocks.weak for place in range(start, start + COPY_BLOCKS)):
            return None
        return b"".join(self.blocks.images[start : start + COPY_BLOCKS])


class DesfirePurse:
    """A ring, one certificate and a value file, changed by one commit. N counts what the value file gave."""

    __slots__ = ("debited", "image", "ring")
    family = CardFamily.DESFIRE

    def __init__(self, ring: tuple[bytes, bytes, bytes], certificate: bytes) -> None:
        self.ring = list(ring)
        self.image = certificate
        self.debited = 0

    def copy(self) -> DesfirePurse:
        """The same state; no holder can make one, an explorer of rules off may."""
        other = DesfirePurse((self.ring[0], self.ring[1], self.ring[2]), self.image)
        other.debited = self.debited
        return other

    weak_slots: ClassVar[list[int]] = []

    def certificate(self, copy: int) -> bytes | None:
        """The one certificate."""
        return self.image


Purse: TypeAlias = ClassicPurse | DesfirePurse


@dataclass(slots=True)
class Tear:
    """The card leaves, or its answer does, at the `command`-th write of the presentation, counted from 0."""

    command: int
    outcome: Write
    stays: bool = False
    """The card stays where it is: only the write, or its answer, was disturbed."""


class Presented:
    """One presentation of a purse."""

    __slots__ = ("_draw", "_gone", "_power", "_purse", "_selected", "_staged", "_tear", "_writes", "uid")

    def __init__(
        self,
        uid: bytes,
        purse: Purse,
        draw: Chance,
        tear: Tear | None,
        power: Power,
    ) -> None:
        """`power` is the terminal's: it may fail in a record's write."""
        self.uid = uid
        self._purse = purse
        self._draw = draw
        self._tear = tear
        self._power = power
        self._gone = False
        self._selected = True
        self._writes = 0
        self._staged: bytes | None = None

    @property
    def family(self) -> CardFamily:
        return self._purse.family

    @property
    def atomic(self) -> bool:
        return isinstance(self._purse, DesfirePurse)

    @property
    def debited(self) -> int | None:
        return self._purse.debited if isinstance(self._purse, DesfirePurse) else None

    def leave(self) -> None:
        """The patron takes it away."""
        self._gone = True

    def read_ring(self) -> tuple[bytes, bytes, bytes]:
        self._there()
        match self._purse:
            case ClassicPurse(blocks=blocks):
                first, second, third = (blocks.read(slot, self._draw) for slot in range(SLOTS))
            case DesfirePurse(ring=ring):
                first, second, third = ring
        return first, second, third

    def read_certificate(self, copy: int) -> bytes:
        self._there()
        match self._purse:
            case ClassicPurse(blocks=blocks):
                start = SLOTS + copy * COPY_BLOCKS
                return b"".join(blocks.read(place, self._draw) for place in range(start, start + COPY_BLOCKS))
            case DesfirePurse(image=image):
                return image

    def blank_slot(self, slot: int) -> Written:
        if self._gone or not self._selected:
            return Written.UNSENT
        match self._purse:
            case ClassicPurse(blocks=blocks):
                return self._write(blocks, slot, _BLANK)
            case DesfirePurse():
                return Written.ACKED

    def write_certificate(self, copy: int, image: bytes) -> Written:
        if self._gone or not self._selected:
            return Written.UNSENT
        match self._purse:
            case ClassicPurse(blocks=blocks):
                start = SLOTS + copy * COPY_BLOCKS
                for place in range(COPY_BLOCKS):
                    block = image[place * BLOCK_SIZE : (place + 1) * BLOCK_SIZE]
                    written = self._write(blocks, start + place, block)
                    if written is not Written.ACKED:
                        return Written.UNKNOWN
            case DesfirePurse():
                self._staged = image
        return Written.ACKED

    def commit_record(self, slot: int, image: bytes, debit_fen: int) -> Written:
        if self._gone or not self._selected:
            return Written.UNSENT
        forced = self._draw.pick(TORN) if self._power.armed == CARD_WRITE else None
        match self._purse:
            case ClassicPurse(blocks=blocks):
                written = self._write(blocks, slot, image, forced)
            case DesfirePurse() as purse:
                written = self._commit(purse, slot, image, debit_fen, forced)
        self._power.at(CARD_WRITE)
        return written

    def _commit(self, purse: DesfirePurse, slot: int, image: bytes, debit_fen: int, forced: Write | None) -> Written:
        if image in purse.ring:  # as its newest: a terminal never writes an older one
            return Written.ACKED
        outcome = forced or self._outcome()
        if outcome in (Write.NEW_WEAK, Write.NEW_STABLE, Write.ACKED):
            purse.ring[slot] = image
            purse.debited += debit_fen
            purse.image = self._staged or purse.image
        return Written.ACKED if outcome is Write.ACKED else Written.UNKNOWN

    def _write(self, blocks: Blocks, place: int, image: bytes, forced: Write | None = None) -> Written:
        outcome = forced or self._outcome()
        blocks.write(place, image, outcome, self._draw)
        return Written.ACKED if outcome is Write.ACKED else Written.UNKNOWN

    def _outcome(self) -> Write:
        number, self._writes = self._writes, self._writes + 1
        tear = self._tear
        if tear is None or number < tear.command:
            return Write.ACKED
        self._selected, self._gone, self._tear = False, not tear.stays, None
        return tear.outcome

    def _there(self) -> None:
        if self._gone:
            raise CardGone("fleet", "it was taken away")
        self._selected = True
