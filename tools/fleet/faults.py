"""Faults: what may go wrong, how often in this seed, and the tape that tells which of them did.

Rates are drawn per seed (swarm): some kinds never happen in it, some seeds are very hostile. A decision is named by its
event and its place in that event; a replay may spare any of them, and a decision that is not on the tape is no fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import Enum, unique
from typing import NamedTuple

from tools.fleet.chance import Chance, chance


@unique
class Fault(Enum):
    """Value: the name on the command line, and the highest rate per occasion that a seed may draw."""

    # At a presentation.
    TEAR = "tear", 0.25
    WEAK_TEAR = "weak-tear", 0.25
    ANSWER_LOST = "answer-lost", 0.25
    READ_LOST = "read-lost", 0.05
    TWO_CARDS = "two-cards", 0.02
    POWER_CUT = "power-cut", 0.08
    FSYNC_LIE = "fsync-lie", 0.01
    FSYNC_ERROR = "fsync-error", 0.003
    DISK_FULL = "disk-full", 0.003
    # What a patron does.
    WALK_OFF = "walk-off", 0.3
    WALK_ON = "walk-on", 0.4
    CASH = "cash-after-doubt", 0.3
    WRONG_CARD = "wrong-card", 0.1
    # At a terminal, between taps.
    POWER_IDLE = "power-idle", 0.03
    BIT_ROT = "bit-rot", 0.02
    CLOCK_STEP = "clock-step", 0.03
    RTC_EMPTY = "rtc-empty", 0.02
    SD_RESTORED = "sd-restored", 0.01
    JOURNAL_RESTORED = "journal-restored", 0.01
    DESTROYED = "destroyed", 0.005
    # On the way to the centre and back.
    REQUEST_LOST = "request-lost", 0.3
    REPLY_LOST = "reply-lost", 0.3
    DAMAGED = "damaged-bundle", 0.1
    LINE_DOWN = "line-down", 0.1
    DOUBLED = "doubled-bundle", 0.2
    HELD = "held-bundle", 0.2
    OLD_REPLY = "old-reply", 0.1
    SERVER_CRASH = "server-crash", 0.1
    # What the centre decides.
    KEY_ROTATION = "key-rotation", 0.05
    TARIFF_CHANGE = "tariff-change", 0.1
    REPORTED_LOST = "reported-lost", 0.1
    # What a holder of a Classic does at home.
    ROLLED_BACK = "rolled-back", 0.05
    CLONED = "cloned", 0.05

    def __init__(self, label: str, most: float) -> None:
        self.label = label
        self.most = most


CARD = (Fault.TEAR, Fault.ANSWER_LOST, Fault.READ_LOST, Fault.TWO_CARDS, Fault.WEAK_TEAR)
DISK = (Fault.POWER_CUT, Fault.FSYNC_LIE, Fault.FSYNC_ERROR, Fault.DISK_FULL)
IDLE = (
    Fault.POWER_IDLE,
    Fault.BIT_ROT,
    Fault.CLOCK_STEP,
    Fault.RTC_EMPTY,
    Fault.SD_RESTORED,
    Fault.JOURNAL_RESTORED,
    Fault.DESTROYED,
)
LINE = (
    Fault.REQUEST_LOST,
    Fault.REPLY_LOST,
    Fault.DAMAGED,
    Fault.LINE_DOWN,
    Fault.DOUBLED,
    Fault.HELD,
    Fault.OLD_REPLY,
    Fault.SERVER_CRASH,
)


class Struck(NamedTuple):
    """A fault that happened: the event, the place of the decision in it, the kind."""

    event: str
    place: int
    fault: Fault


class Stream:
    """The fault decisions of one event, in their order."""

    __slots__ = ("_draw", "_place", "event")

    def __init__(self, event: str, draw: Chance) -> None:
        self.event = event
        self._draw = draw
        self._place = 0

    def next(self) -> tuple[int, float]:
        """The next decision's place, and its draw."""
        self._place += 1
        return self._place, self._draw.unit()


class Faults:
    """The faults of one run."""

    def __init__(self, seed: int, rates: Mapping[Fault, float], spared: frozenset[tuple[str, int]]) -> None:
        """`spared` decisions are no faults, whatever was drawn."""
        self.rates = dict(rates)
        self.counts: Counter[Fault] = Counter()
        self.tape: list[Struck] = []
        self.stopped = False
        self._seed = seed
        self._spared = spared

    def stream(self, event: str) -> Stream:
        """The decisions of an event."""
        return Stream(event, chance(self._seed, "fault", event))

    def one_of(self, kinds: Sequence[Fault], stream: Stream) -> Fault | None:
        """Which of the kinds happens now, if any: one decision."""
        place, unit = stream.next()
        if self.stopped:
            return None
        for kind in kinds:
            unit -= self.rates[kind]
            if unit < 0:
                return self._struck(stream.event, place, kind)
        return None

    def happens(self, kind: Fault, stream: Stream) -> bool:
        """Whether it happens now: one decision."""
        return self.one_of((kind,), stream) is not None

    def undone(self, kind: Fault) -> None:
        """It was decided and found nothing to strike."""
        self.counts[kind] -= 1

    def _struck(self, event: str, place: int, kind: Fault) -> Fault | None:
        if (event, place) in self._spared:
            return None
        self.counts[kind] += 1
        self.tape.append(Struck(event, place, kind))
        return kind


def swarm(seed: int, allowed: Sequence[Fault], *, harsh: bool = False) -> dict[Fault, float]:
    """The rates of a seed: of each kind none, or up to its most; one seed in four is hostile throughout."""
    hostile = harsh or chance(seed, "hostile").below(4) == 0
    rates = {}
    for kind in Fault:
        draw = chance(seed, "rate", kind.label)
        rate = kind.most if hostile else kind.most * 10 ** (-2 * draw.unit())
        rates[kind] = 0.0 if kind not in allowed or (not hostile and draw.below(3) == 0) else rate
    return rates
