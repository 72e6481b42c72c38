"""Renewing the keys of a card in use, as `tests.tears.desk_work` searches it: the patron may walk away in the middle.

Checked on each card that a cut leaves, with terminals that hold the current keys and the previous:
- the purse is as it was, to the byte;
- the card can be used at a terminal that knows it, at one that never saw it, where a load waits for it, and where its
  sale is in doubt; only a card whose trailer was torn may be refused, by name;
- the renewal ends, at either desk, and at the other one after the card was used: it bears the newest keys and no other,
  and what the terminal left; or it is named as waste, if a trailer was torn.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from firmware.desk.card_work import CardWork
from firmware.logbook import Logbook
from firmware.results import Declined, Paid, Shown
from firmware.tap import TapLimits, Teller
from hardware.cards.classic_layout import SECTORS, sector_of, trailer, trailer_block
from hardware.cards.desfire.layout import CARD_SETTINGS
from hardware.cards.port import CardFamily
from hardware.reader import Reader
from hardware.sam.software import SoftwareSam
from hardware.virtual.desfire.contents import DesfireImage
from hardware.virtual.schedule import Schedule
from hardware.virtual.tear import TearMode
from onecard.card_keys import desfire_card_key
from onecard.desk import Renewal
from onecard.hotlist import HOTLIST
from onecard.keys import KeyRing, Role
from onecard.packed_table import PackedTable
from server.keyd.card_keys import card_keys
from tests.tears.choices import Choices, every
from tests.tears.classic import Blocks, Classic
from tests.tears.cuts import Tear
from tests.tears.desfire import Desfire, Purse
from tests.tears.desfire_card import WholeCard, with_card_key
from tests.tears.desk_work import DESKS, Ending, Half, runs
from tests.tears.family import Family, Grain, Laid
from tests.tears.operations import in_doubt, known, loaded
from tests.tears.stage import Doing, Result, Stage, Step
from tests.tears.world import ISSUER, UID, Terminal, World
from tools.bench.till import Issuer

_EARLIER = {
    Role.CLASSIC_READ_WRITE: b"earlier A master",
    Role.CLASSIC_PERSONALISE: b"earlier B master",
    Role.DESFIRE_DEBIT: b"earlier D master",
    Role.DESFIRE_PERSONALISE: b"earlier P master",
}
_BEFORE = Issuer(masters={**ISSUER.masters, **_EARLIER})
_TERMINALS_HAVE = {role: _EARLIER[role] for role in (Role.CLASSIC_READ_WRITE, Role.DESFIRE_DEBIT)}
CURRENT_AND_PREVIOUS = SoftwareSam(Issuer(earlier=_TERMINALS_HAVE).terminal_keys)
CURRENT = SoftwareSam(ISSUER.terminal_keys)
_MASTERS = KeyRing(
    {(role, 1): key for role, key in ISSUER.masters.items()} | {(role, 0): key for role, key in _EARLIER.items()}
)
_WHOLE = (Tear(TearMode.BEFORE), Tear(TearMode.AFTER))


class Bearer(Protocol):
    """What of a renewal differs between families."""

    @property
    def family(self) -> Family:
        """Whose cards are issued under the previous keys."""
        ...

    @property
    def kind(self) -> CardFamily:
        """Its number."""
        ...

    def card(self, image: Hashable) -> Hashable:
        """The card as the desk's search holds it, of the family's image."""
        ...

    def image(self, card: Hashable) -> Hashable:
        """The way back."""
        ...

    def lay(self, card: Hashable, schedule: Schedule, choices: Choices, tear: Tear | None) -> Laid:
        """The card, to be laid in a field."""
        ...

    def data(self, card: Hashable) -> Hashable:
        """Everything but its keys."""
        ...

    def bears_the_newest(self, card: Hashable) -> bool:
        """Whether every key is the newest."""
        ...

    def is_wanted(self, command: bytes) -> bool:
        """Whether a host command is to be cut."""
        ...

    def tears_for_ever(self, command: bytes, tear: Tear) -> bool:
        """As of `tests.tears.desk_work.Work`."""
        ...


class ClassicBefore(Classic):
    """Cards issued under the previous keys."""

    def issued(self, issuer: Issuer, uid: bytes, certificate: bytes) -> Hashable:
        return super().issued(_BEFORE, uid, certificate)


class DesfireBefore(Desfire):
    """The same, and whole: the card's own key is ours."""

    def issued(self, issuer: Issuer, uid: bytes, certificate: bytes) -> Hashable:
        purse = super().issued(_BEFORE, uid, certificate)
        assert isinstance(purse, Purse)
        own = desfire_card_key(_BEFORE.masters[Role.DESFIRE_PERSONALISE], uid)
        return replace(purse, contents=with_card_key(purse.contents, own, CARD_SETTINGS))


@dataclass(frozen=True)
class ClassicBearer:
    """MIFARE Classic; `sectors`: those whose trailers alone are cut, None for every host command."""

    sectors: frozenset[int] | None = None
    family: Family = field(default_factory=ClassicBefore)
    kind: CardFamily = CardFamily.CLASSIC

    def card(self, image: Hashable) -> Hashable:
        return image

    def image(self, card: Hashable) -> Hashable:
        return card

    def lay(self, card: Hashable, schedule: Schedule, choices: Choices, tear: Tear | None) -> Laid:
        return self.family.lay(card, schedule, choices, tear)

    def data(self, card: Hashable) -> Hashable:
        assert isinstance(card, Blocks)
        blocks = tuple(block for number, block in enumerate(card.blocks) if number % 4 != 3)
        return blocks, tuple(number for number, _ in card.weak if number % 4 != 3)

    def bears_the_newest(self, card: Hashable) -> bool:
        assert isinstance(card, Blocks)
        rows = card_keys(_MASTERS, UID, self.kind.value)[0]
        is_weak = any(number % 4 == 3 for number, _ in card.weak)
        return not is_weak and all(card.blocks[trailer_block(at)] == trailer(*rows[at]) for at in range(SECTORS))

    def is_wanted(self, command: bytes) -> bool:
        return self.sectors is None or (self.family.commits(command) and sector_of(command[1]) in self.sectors)

    def tears_for_ever(self, command: bytes, tear: Tear) -> bool:
        return self.family.commits(command) and tear._replace(stays=False) not in _WHOLE


@dataclass(frozen=True)
class DesfireBearer:
    """DESFire."""

    family: DesfireBefore
    kind: CardFamily = CardFamily.DESFIRE

    def card(self, image: Hashable) -> Hashable:
        assert isinstance(image, Purse)
        return WholeCard(UID, image.contents)

    def image(self, card: Hashable) -> Hashable:
        assert isinstance(card, WholeCard)
        return Purse.of(DesfireImage(UID, card.contents))

    def lay(self, card: Hashable, schedule: Schedule, choices: Choices, tear: Tear | None) -> Laid:
        assert isinstance(card, WholeCard)
        return card.lay(schedule)

    def data(self, card: Hashable) -> Hashable:
        assert isinstance(card, WholeCard)
        return card.data

    def bears_the_newest(self, card: Hashable) -> bool:
        assert isinstance(card, WholeCard)
        (own,), purse = card_keys(_MASTERS, UID, self.kind.value)[0]
        return [key.key.secret for key in card.keys] == [own, *purse]

    def is_wanted(self, command: bytes) -> bool:
        return True

    def tears_for_ever(self, command: bytes, tear: Tear) -> bool:
        return False


class Visit(NamedTuple):
    """A world in which the card may be used, whatever keys it bears by then, and what each use comes to."""

    world: World
    comes_to: Mapping[Doing, type[Result]]


@dataclass(frozen=True)
class Renewing:
    """The work; `sam` is what the terminals hold."""

    bearer: Bearer
    visits: tuple[Visit, ...]
    sam: SoftwareSam = CURRENT_AND_PREVIOUS

    @property
    def start(self) -> Hashable:
        """The card, all its keys the previous ones."""
        return self.bearer.card(self.visits[0].world.card)

    def lay(self, card: Hashable, schedule: Schedule, choices: Choices, tear: Tear | None) -> Laid:
        return self.bearer.lay(card, schedule, choices, tear)

    def do(self, at: CardWork) -> None:
        at.renew(Renewal(UID, self.bearer.kind.value, tuple(card_keys(_MASTERS, UID, self.bearer.kind.value))))

    def tears(self, command: bytes, grain: Grain) -> Iterator[Tear]:
        if self.bearer.is_wanted(command):
            yield from self.bearer.family.tears(command, grain)

    def tears_for_ever(self, command: bytes, tear: Tear) -> bool:
        return self.bearer.tears_for_ever(command, tear)

    def violation(self, half: Half) -> str | None:
        if self.bearer.data(half.card) != self.bearer.data(self.start):
            return "the renewal changed the purse"
        wrong = self._unfinished(half, DESKS)
        for visit in self.visits:
            wrong = wrong or self._violation_of_use(visit, half)
        return wrong

    def _unfinished(self, half: Half, desks: Iterable[int]) -> str | None:
        """What is wrong with the card after the renewal went on from here."""
        for ran in runs(self, half.card, desks):
            if self.bearer.data(ran.card) != self.bearer.data(half.card):
                return "the renewal changed the purse"
            if ran.ending is Ending.WASTE and half.torn:
                continue
            if ran.ending is not Ending.FINISHED:
                return f"run again, the renewal ends {ran.ending.name}"
            if not self.bearer.bears_the_newest(ran.card):
                return "a renewed card bears another key"
        return None

    def _violation_of_use(self, visit: Visit, half: Half) -> str | None:
        stage = _stage(self.bearer.family, self.sam)
        world = visit.world._replace(card=self.bearer.image(half.card))
        for doing, allowed in visit.comes_to.items():
            step = Step(doing, 0)
            for _, ran in every(lambda choices, step=step: stage.run(world, step, choices)):  # type: ignore[misc]
                if not isinstance(ran.result, allowed) and not (half.torn and isinstance(ran.result, Declined)):
                    why = ran.result.reason.name if isinstance(ran.result, Declined) else type(ran.result).__name__
                    return f"a card in mid-renewal is not served: {doing.name} ends {why}"
                wrong = self._unfinished(half._replace(card=self.bearer.card(ran.world.card)), DESKS[1:])
                if wrong is not None:
                    return f"{wrong}, after {doing.name}"
        return None


def renewals(bearer: Bearer, sam: SoftwareSam = CURRENT_AND_PREVIOUS) -> tuple[Renewing, Renewing]:
    """Of a card in use, and of one with a sale in doubt on it."""
    stage = _stage(bearer.family, CURRENT_AND_PREVIOUS)
    world = known(stage)
    stranger = world._replace(terminals=(Terminal(3), Terminal(4)))
    either = {Doing.TAP: Paid, Doing.SETTLE: Shown}
    in_use = tuple(Visit(each, either) for each in (world, stranger, loaded(world, 0), loaded(stranger, 0)))
    return Renewing(bearer, in_use, sam), Renewing(bearer, (Visit(in_doubt(stage), {Doing.TAP: Paid}),), sam)


def _stage(family: Family, sam: SoftwareSam) -> Stage:
    def teller(reader: Reader, log: Logbook, terminal: int, limits: TapLimits) -> Teller:
        return Teller(reader, sam, log, terminal, hotlist=PackedTable(HOTLIST), limits=limits)

    return Stage(family, teller)
