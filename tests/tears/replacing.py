"""Replacement while the old card is still in the patron's hand: what he can spend in all (P-R23), searched.

The desk moves what the server knows to be left, and holds back, until a terminal has acknowledged the hotlist and
uploaded up to it, that terminal's cap c_T for the card, and always the sales that are in doubt: a sale in doubt may yet
be paid by the card that began it. Old card and terminals are the product's; server and desk are these few lines.

Checked on each state: goods given on the old card + what the new card was given never exceed the cash paid in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from firmware.logbook import Logbook
from firmware.tap import TapLimits, Teller
from hardware.reader import Reader
from onecard.hotlist import HOTLIST, number_bytes
from onecard.kinds import Outcome
from onecard.money import Fen
from onecard.packed_table import PackedTable
from onecard.records import Ack, encode_record
from tests.tears.choices import Choices, every
from tests.tears.cuts import CardLeaves
from tests.tears.family import Family, Grain
from tests.tears.history import claims_of, resolved
from tests.tears.journal import Entry
from tests.tears.operations import known
from tests.tears.stage import Doing, Stage, Step
from tests.tears.world import ISSUER, PRICE, SAM, UID, Terminal, World
from tools.bench.till import NOON

CAP = 2 * PRICE
"""c_T, in fen."""
_PLACES = (0, 1)
_ACK = Entry(*encode_record(Ack(NOON, 1, 0, 0, b"", 0, 0)))


class Affair(NamedTuple):
    """A state: the old card and the terminals; what each terminal uploaded last; which have acknowledged the hotlist;
    what the new card was given in all, None before the move."""

    world: World
    uploaded: tuple[Terminal, ...]
    listed: frozenset[int] = frozenset()
    moved: int | None = None


@dataclass(frozen=True)
class Rules:
    """The rules, each of which a mutant may switch off; `stops`: the search ends at the first violation."""

    holds_back: bool = True
    holds_doubt: bool = True
    cap: int = CAP
    heeds_list: bool = True
    stops: bool = True


@dataclass
class Found:
    """What a search found; `most` is the most that was spendable in all, in fen."""

    states: int = 0
    runs: int = 0
    most: int = 0
    violation: str | None = None
    trace: list[str] = field(default_factory=list)


def search(family: Family, rules: Rules, depth: int, grain: Grain | None) -> Found:
    """Every course of `depth` steps: taps at both terminals, their writes cut as `grain` says (None: not at all),
    syncs, the move."""
    return _Search(family, rules, grain).run(depth)


class _Search:
    def __init__(self, family: Family, rules: Rules, grain: Grain | None) -> None:
        self._rules = rules
        self._grain = grain
        self._found = Found()
        limits = TapLimits(Fen(rules.cap))
        self._open = Stage(family, limits=limits)
        self._listed = replace(self._open, teller=_refusing) if rules.heeds_list else self._open

    def run(self, depth: int) -> Found:
        world = known(Stage(self._open.family))
        terminals = tuple(map(_acknowledged, world.terminals))
        start = Affair(world._replace(terminals=terminals), terminals)
        frontier: list[tuple[Affair, tuple[str, ...]]] = [(start, ())]
        seen: set[int] = set()
        for _ in range(depth):
            reached: list[tuple[Affair, tuple[str, ...]]] = []
            for affair, trace in frontier:
                for label, after in self._steps(affair):
                    self._found.runs += 1
                    key = hash((after.world.key, after.uploaded, after.listed, after.moved))
                    if key in seen:
                        continue
                    seen.add(key)
                    self._found.states += 1
                    spendable = _goods(after.world) + (after.moved or 0)
                    self._found.most = max(self._found.most, spendable)
                    if spendable > world.cash and self._rules.stops:
                        self._found.violation = f"{spendable} of {world.cash} can be spent"
                        self._found.trace = [*trace, label]
                        return self._found
                    reached.append((after, (*trace, label)))
            frontier = reached
        return self._found

    def _steps(self, affair: Affair) -> Iterator[tuple[str, Affair]]:
        if affair.moved is None:
            yield "move", self._moved(affair)
        for place in _PLACES:
            yield f"sync {place}", self._synced(affair, place)
            for label, world in self._taps(affair, place):
                yield f"tap {place} {label}", affair._replace(world=world)

    def _taps(self, affair: Affair, place: int) -> Iterator[tuple[str, World]]:
        stage, step = self._listed if place in affair.listed else self._open, Step(Doing.TAP, place)
        for choices, ran in every(lambda choices: stage.run(affair.world, step, choices)):
            yield "", ran.world
            if self._grain is None:
                continue
            for moment, command in ran.sent.items():
                if moment < choices.new_from or not stage.family.commits(command):
                    continue
                for tear in stage.family.tears(command, self._grain):
                    cut = CardLeaves(moment, tear)
                    again = Choices(choices.before(moment))
                    yield str(tear), stage.run(affair.world, step, again, cut).world

    def _synced(self, affair: Affair, place: int) -> Affair:
        """The terminal uploads, takes the acknowledgement, and the hotlist if there is one."""
        terminal = _acknowledged(affair.world.terminals[place])
        uploaded = (*affair.uploaded[:place], terminal, *affair.uploaded[place + 1 :])
        after = affair._replace(world=affair.world.with_terminal(place, terminal), uploaded=uploaded)
        if affair.moved is None:
            return after
        return self._moved(after._replace(listed=affair.listed | {place}))

    def _moved(self, affair: Affair) -> Affair:
        """The new card is given what the server knows to be left, less what it must hold back; never less than it
        has."""
        left = affair.world.cash - resolved(affair.uploaded).head.debited
        if self._rules.holds_back:
            left -= CAP * len(set(_PLACES) - affair.listed)
        if self._rules.holds_doubt:
            claims = [claim for terminal in affair.uploaded for claim in claims_of(terminal)]
            left -= sum(claim.intent.amount for claim in claims if claim.word is None)
        return affair._replace(moved=max(affair.moved or 0, left))


def _refusing(reader: Reader, log: Logbook, terminal: int, limits: TapLimits) -> Teller:
    return Teller(
        reader, SAM, log, terminal, hotlist=PackedTable(HOTLIST, 1, number_bytes(ISSUER.number(UID))), limits=limits
    )


def _acknowledged(terminal: Terminal) -> Terminal:
    entries = (*terminal.entries, _ACK)
    return terminal._replace(entries=entries, durable=len(entries))


def _goods(world: World) -> int:
    """What was paid with the old card, shown or at least durable."""
    claims = [claim for terminal in world.terminals for claim in claims_of(terminal)]
    return sum(claim.intent.amount for claim in claims if claim.word is Outcome.PAID)
