"""The desk's work on a blank MIFARE Classic, cut anywhere and begun again: the search of its states.

Checked on each state, in every reading of its weak cells:
- a card that says it is ours (its identification, behind our key) has no sector left that a public key opens, and no
  key B that can be read;
- run again, the same script ends: the card is finished and verified, or, if a trailer was torn, named as waste
  (`TornTrailer`); it is never taken for somebody else's, for one in use, or for one that lost its data;
- what was debited from a card is never lowered: of a card in use nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import product
from typing import NamedTuple

from hardware.cards.classic_layout import (
    ACCESS_BYTES,
    IDENTIFICATION_BLOCK,
    OUR_ACCESS,
    SECTORS,
    access_conditions,
    decode_identification,
    ring_block,
    sector_of,
    trailer_block,
)
from hardware.cards.personalisation import personalise, verify
from hardware.cards.personalisation_errors import CardInUse, PersonalisationCut, TornTrailer
from hardware.cards.personalisation_script import PUBLIC_KEYS, PersonalisationScript
from hardware.reader import AccessDenied, CardGone, Reader, Target, WrongKey
from hardware.virtual.access import key_b_is_readable
from hardware.virtual.schedule import Schedule
from hardware.virtual.tear import TearMode
from onecard.purse.ring import SLOTS
from tests.tears.chip import VirtualChip, reader_on
from tests.tears.choices import Choices, every
from tests.tears.classic import Blocks, Classic, readings_of
from tests.tears.cuts import CardLeaves, Tear
from tests.tears.family import Grain
from tests.tears.field import BareField
from tests.tears.history import record_of

_FAMILY = Classic()
_WHOLE = (Tear(TearMode.BEFORE), Tear(TearMode.AFTER))
"""Tears of a trailer that leave it as it was, or whole."""


class Ending(Enum):
    """How a run at the desk ends."""

    FINISHED = auto()
    WASTE = auto()
    IN_USE = auto()
    CUT = auto()


class Run(NamedTuple):
    """A run: the card after it, how it ended, and the host commands by moment."""

    card: Blocks
    ending: Ending
    sent: dict[int, bytes]


Personalise = Callable[[Reader, Target, PersonalisationScript], object]


@dataclass(frozen=True)
class Desk:
    """A desk with one script; `personalise` is a mutant's where it is not the product's."""

    script: PersonalisationScript
    personalise: Personalise = personalise

    def run(self, card: Blocks, choices: Choices, cut: CardLeaves | None = None) -> Run:
        """Personalise the card and verify it, as `firmware.desk.issuing` does. What else is raised is a finding."""
        schedule = Schedule()
        laid = _FAMILY.lay(card, schedule, choices, cut.tear if cut else None)
        area = BareField(schedule)
        area.lay(laid.card)
        chip = VirtualChip(area, schedule, choices, cut)
        reader = reader_on(chip)
        ending = Ending.FINISHED
        try:
            for work in (self.personalise, verify):
                targets = reader.poll()
                if len(targets) != 1:
                    raise CardGone(reader.name, "not listed")
                work(reader, targets[0], self.script)
        except (PersonalisationCut, CardGone, AccessDenied, WrongKey):
            ending = Ending.CUT
        except TornTrailer:
            ending = Ending.WASTE
        except CardInUse:
            ending = Ending.IN_USE
        after = laid.image()
        assert isinstance(after, Blocks)
        return Run(after, ending, chip.sent)


class Half(NamedTuple):
    """A card between two runs; `torn`: a trailer was torn in it."""

    card: Blocks
    torn: bool


@dataclass
class Found:
    """What a search found."""

    states: int = 0
    runs: int = 0
    finished: int = 0
    waste: int = 0
    violation: str | None = None
    trace: list[str] = field(default_factory=list)


def search(desk: Desk, start: Blocks, grains: tuple[Grain, ...], sectors: frozenset[int] | None = None) -> Found:
    """Cut a run from `start`, then a run from each card that leaves, as often as there are grains. `sectors`: those
    whose writes are cut, all by default. Of cards alike but for their garbage only the first is gone on from, and is
    cut in writes alone: what else is cut leaves a card that was seen."""
    found = Found()
    seen: set[Blocks] = set()
    meanings: set[Hashable] = set()
    frontier: list[tuple[Half, tuple[str, ...]]] = [(Half(start, torn=False), ())]
    for round_, grain in enumerate(grains):
        reached: list[tuple[Half, tuple[str, ...]]] = []
        for half, trace in frontier:
            for label, after in _cut_runs(desk, half, grain, sectors, found, writes_alone=round_ > 0):
                if after.card in seen:
                    continue
                seen.add(after.card)
                found.states += 1
                wrong = _violation(desk, after, found)
                if wrong is not None:
                    found.violation, found.trace = wrong, [*trace, label]
                    return found
                meaning = _meaning(desk.script, after.card), after.torn
                if meaning not in meanings:
                    meanings.add(meaning)
                    reached.append((after, (*trace, label)))
        frontier = reached
    return found


def _cut_runs(
    desk: Desk, half: Half, grain: Grain, sectors: frozenset[int] | None, found: Found, *, writes_alone: bool
) -> Iterator[tuple[str, Half]]:
    for choices, ran in every(lambda choices: desk.run(half.card, choices)):
        yield f"uncut {[choice.taken for choice in choices.made]}", Half(ran.card, half.torn)
        for moment, command in ran.sent.items():
            if moment < choices.new_from or not _is_wanted(command, sectors):
                continue
            if writes_alone and not _FAMILY.commits(command):
                continue
            for tear in _FAMILY.tears(command, grain):
                found.runs += 1
                cut = CardLeaves(moment, tear)
                for _, torn in every(lambda again, cut=cut: desk.run(half.card, again, cut), choices.before(moment)):  # type: ignore[misc]
                    hits_trailer = (
                        _FAMILY.commits(command) and command[1] % 4 == 3 and tear._replace(stays=False) not in _WHOLE
                    )
                    yield f"{cut}", Half(torn.card, half.torn or hits_trailer)


def _is_wanted(command: bytes, sectors: frozenset[int] | None) -> bool:
    return sectors is None or len(command) < 2 or sector_of(command[1]) in sectors


def _violation(desk: Desk, half: Half, found: Found) -> str | None:
    for blocks in _trailer_readings(half.card):
        wrong = _says_too_much(blocks)
        if wrong is not None:
            return wrong
    endings: set[Ending] = set()
    for _, ran in every(lambda choices: desk.run(half.card, choices)):
        endings.add(ran.ending)
        if ran.ending is Ending.FINISHED:
            opened = next(filter(None, map(_left_open, _trailer_readings(ran.card))), None)
            if opened is not None:
                return f"a finished card {opened}"
            if any(ran.card.blocks[block] != data for block, data in desk.script.data().items()) or ran.card.weak:
                return "a finished card does not hold its script"
    allowed = {Ending.FINISHED, Ending.WASTE} if half.torn else {Ending.FINISHED}
    if not endings <= allowed:
        return f"run again, the card ends {endings - allowed}"
    found.finished += Ending.FINISHED in endings
    found.waste += Ending.WASTE in endings
    return None


def _says_too_much(blocks: tuple[bytes, ...]) -> str | None:
    """A card that says it is ours, behind our own access bits, and is not whole."""
    is_ours = decode_identification(blocks[IDENTIFICATION_BLOCK]) is not None
    if not is_ours or blocks[trailer_block(0)][ACCESS_BYTES] != OUR_ACCESS:
        return None
    opened = _left_open(blocks, range(1, SECTORS))
    return f"a card that says it is ours {opened}" if opened is not None else None


def _left_open(blocks: tuple[bytes, ...], sectors: range = range(SECTORS)) -> str | None:
    for sector in sectors:
        trailer = blocks[trailer_block(sector)]
        conditions = access_conditions(trailer[ACCESS_BYTES])
        if conditions is None:
            continue
        if key_b_is_readable(conditions[3]):
            return f"has a readable key B in sector {sector}"
        if trailer[:6] in PUBLIC_KEYS or trailer[10:] in PUBLIC_KEYS:
            return f"has a public key on sector {sector}"
    return None


def _trailer_readings(card: Blocks) -> Iterator[tuple[bytes, ...]]:
    yield from product(*readings_of(card))


def newest_debited(card: Blocks) -> int:
    """N of purse 0: the most that a readable record states."""
    records = [record_of(card.blocks[ring_block(0, slot)]) for slot in range(SLOTS)]
    return max(record.debited for record in records if record is not None)


def _meaning(script: PersonalisationScript, card: Blocks) -> Hashable:
    """The card with garbage as garbage; a trailer by its three parts."""
    known = {*script.data().values(), bytes(16)}
    parts = {part for trailer in (*map(script.trailer, range(SECTORS)), b"\xff" * 6) for part in _parts(trailer)}
    blocks = (
        tuple(part if part in parts else None for part in _parts(block))
        if number % 4 == 3
        else (block if block in known else None)
        for number, block in enumerate(card.blocks)
    )
    return tuple(blocks), tuple(block for block, _ in card.weak)


def _parts(trailer: bytes) -> tuple[bytes, bytes, bytes]:
    return trailer[:6], trailer[6:10], trailer[10:]
