"""The sync machine: everything the daemon decides, and nothing it does. No I/O, no clock, no randomness of its own.

One round:  tick → Offer;  the caller cuts, packs and posts it;  then

    receive(body); while effect := next_effect(chain): do it, then kept(effect);  conclude(now)
    or  failed(now)

Rules
- Never offers a record above the durable mark (F1). Resumes after what was acknowledged; the daemon keeps no other
  cursor, so there is no second truth to disagree with.
- One bundle is in flight at most. A reply that comes late or twice is weighed like any other and changes nothing.
- What the server says counts only from the moment the caller has kept it durably (`kept`).
- An answer that leaves the server where it was, though records were offered, is a failure: it is not asked in a loop.
- Records that are lost here hold up none behind them: offers go on behind the hole, to the end of the journal, for the
  GAP record that lets the server pass over it. When it does not, round again, one bundle at each retry.
- After a foreign head (see `standing`) offers go on, through the whole journal and round again, one at each retry:
  the server's quarantine is where the evidence belongs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, unique
from types import MappingProxyType
from typing import TypeAlias, assert_never

from onecard.downlink import Acknowledgement, Header, Table, open_acknowledgement, open_downlink, open_reply
from onecard.errors import OnecardError
from onecard.identity import TerminalNumber
from onecard.keys import KeyRing
from sync_daemon.pace import Pace
from sync_daemon.standing import (
    Accepted,
    Chain,
    Foreign,
    Refused,
    Standing,
    Unchanged,
    Verdict,
    weigh_acknowledgement,
    weigh_downlink,
)

RECORDS_LIMIT = 500
BYTES_LIMIT = 256 << 10
"""Of one bundle: records, and bytes of their payloads."""


@unique
class State(Enum):
    """What the machine waits for."""

    RESTING = "the next reason to send"
    IN_FLIGHT = "an answer"
    BACKING_OFF = "the time to try again"


@unique
class Event(Enum):
    """What moves it."""

    OFFERED = "a bundle is handed out"
    ANSWERED = "the server took it"
    FAILED = "no answer, or none that helps"


TRANSITIONS: Mapping[tuple[State, Event], State] = MappingProxyType(
    {
        (State.RESTING, Event.OFFERED): State.IN_FLIGHT,
        (State.BACKING_OFF, Event.OFFERED): State.IN_FLIGHT,
        (State.IN_FLIGHT, Event.ANSWERED): State.RESTING,
        (State.IN_FLIGHT, Event.FAILED): State.BACKING_OFF,
    }
)
"""Every move there is."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before `until` (monotonic seconds), unless the journal moves."""

    until: float


@dataclass(frozen=True, slots=True)
class Offer:
    """Send records `first` … `last`, as many as the limits let, or a heartbeat when there are none."""

    first: int
    last: int
    records_limit: int
    bytes_limit: int
    have: Mapping[int, int]

    @property
    def backlog(self) -> int:
        """Records not yet acknowledged."""
        return max(0, self.last - self.first + 1)


@dataclass(frozen=True, slots=True)
class Keep:
    """Make these envelope bytes durable in the inbox, then say `kept`."""

    word: Acknowledgement | Header
    envelope: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """For the log: something was refused, and why."""

    text: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """For a person: the server and this journal do not belong together."""

    text: str


Effect: TypeAlias = Keep | Note | Alarm


@dataclass(frozen=True, slots=True)
class _Word:
    word: Acknowledgement | Header
    envelope: bytes


class SyncMachine:
    """The daemon's end of the protocol, for one terminal."""

    def __init__(
        self,
        terminal: TerminalNumber,
        server_keys: KeyRing,
        standing: Standing,
        pace: Pace,
        random: Callable[[], float],
    ) -> None:
        """`random` gives numbers in [0, 1) for the jitter; `standing` is what the inbox holds, verified."""
        self.state = State.RESTING
        self.standing = standing
        self._terminal = terminal
        self._keys = server_keys
        self._pace = pace
        self._random = random
        self._durable = standing.received
        self._first_at = self._moved_at = self._due_at = float("-inf")
        self._failures = 0
        self._records_limit = RECORDS_LIMIT
        self._offer: Offer | None = None
        self._offered_from = standing
        self._roamed_to = 0  # last record offered since a foreign head or a hole was met, 0 when none was
        self._hole_stays = False  # all behind a hole was offered and the server did not pass over it
        self._foreign = False
        self._fresh_tables = False
        self._words: deque[_Word | Note] = deque()

    @property
    def failures(self) -> int:
        """Rounds failed in a row."""
        return self._failures

    @property
    def due_at(self) -> float:
        """When the next try or heartbeat is due, monotonic seconds."""
        return self._due_at

    def backlog(self, durable: int) -> int:
        """Records up to `durable` that the server is not known to have."""
        return max(0, durable - self.standing.received)

    def tick(self, now: float, durable: int) -> Offer | Wait:
        """What to do at `now`, when the journal's durable mark stands at sequence `durable` (0 for none)."""
        assert self.state is not State.IN_FLIGHT
        self._watch(now, durable)
        due_at = self._due(durable)
        if now < due_at:
            return Wait(due_at)
        if self._roamed_to >= durable:
            self._roamed_to = 0
        self._offer = Offer(
            first=max(self.standing.received, self._roamed_to) + 1,
            last=durable,
            records_limit=self._records_limit,
            bytes_limit=BYTES_LIMIT,
            have={int(table): version for table, version in sorted(self.standing.versions.items())},
        )
        self._offered_from = self.standing
        self._move(Event.OFFERED)
        return self._offer

    def urge(self) -> None:
        """Somebody asks to send at once: the next tick offers, also while backing off. A failure then waits as long as
        it would have: asking makes no server busy."""
        self._due_at = float("-inf")

    def receive(self, body: bytes) -> None:
        """Takes the body of an answer. Raises an `OnecardError` when it as a whole cannot be believed; the caller then
        says `failed`. A downlink that cannot be believed becomes a `Note` and stands in no other's way."""
        self._foreign = self._fresh_tables = False
        acknowledgement, downlinks = open_reply(body)
        self._words.append(
            _Word(open_acknowledgement(acknowledgement, self._keys, self._terminal), acknowledgement),
        )
        for envelope in downlinks:
            try:
                self._words.append(_Word(open_downlink(envelope, self._keys, self._terminal).header, envelope))
            except OnecardError as error:
                self._words.append(Note(str(error)))

    def next_effect(self, chain: Chain) -> Effect | None:
        """What to do next about the answer, None when it is dealt with. Raises `JournalError`."""
        while self._words:
            match self._words.popleft():
                case Note() as note:
                    return note
                case _Word(word, envelope):
                    effect = self._effect(self._weigh(word, chain), word, envelope)
                    if effect is not None:
                        return effect
        return None

    def kept(self, keep: Keep) -> None:
        """The caller made it durable: it counts from now on."""
        match keep.word:
            case Acknowledgement() as ack:
                self.standing = self.standing.acknowledged(ack)
            case Header() as header:
                self.standing = self.standing.holding(header)
                self._fresh_tables = True
            case _:
                assert_never(keep.word)

    def trust(self, server_keys: KeyRing) -> None:
        """Believe what is signed under these from now on."""
        self._keys = server_keys

    def reached(self, versions: Mapping[Table, int]) -> None:
        """What the inbox now holds of these tables; it may be less than before."""
        self.standing = self.standing.reaching(versions)

    def conclude(self, now: float, last_sent: int, *, over_hole: bool = False) -> Note | None:
        """The answer is dealt with; `last_sent` is the last record that was in the bundle (first − 1 for a heartbeat),
        `over_hole` whether it began behind the first one offered, because that is lost.

        Says what is wrong when the server did not take the records.
        """
        offer = self._offer
        if self.state is not State.IN_FLIGHT or offer is None:
            return None
        before, after = self._offered_from, self.standing
        sent = last_sent >= offer.first
        if self._foreign:
            self._roamed_to = last_sent
            self.failed(now)
            return None
        roams, self._roamed_to = over_hole or self._roamed_to > 0, 0
        if sent and after.received == before.received:
            if roams:
                self._roamed_to = last_sent
                if last_sent < offer.last and not self._hole_stays:
                    self._answered(now)
                    return None
                self._hole_stays = True
            self.failed(now)
            return Note(
                f"the server answered and does not acknowledge records {offer.first} to {last_sent}; they are kept "
                "and offered again"
            )
        self._hole_stays = self._hole_stays and after.received == before.received
        more = self._fresh_tables or after.received < offer.last  # to tell, or to send
        self._answered(now if more else now + self._pace.heartbeat_seconds)
        return None

    def failed(self, now: float, *, too_large: bool = False) -> None:
        """No answer came, or none that helps. `too_large`: half as many records are offered at once, down to one."""
        self._words.clear()
        if too_large and self._records_limit > 1:
            self._records_limit //= 2
            self._due_at = now
        else:
            self._failures += 1
            self._due_at = now + self._pace.retry_seconds(self._failures, self._random())
        self._move(Event.FAILED)

    def _answered(self, due_at: float) -> None:
        self._failures, self._due_at = 0, due_at
        self._move(Event.ANSWERED)

    def _watch(self, now: float, durable: int) -> None:
        if durable == self._durable:
            return
        if self._durable <= self.standing.received:
            self._first_at = now
        self._durable, self._moved_at = durable, now

    def _due(self, durable: int) -> float:
        if self.state is State.BACKING_OFF:
            return self._due_at
        waiting = self.backlog(durable)
        if not waiting:
            return self._due_at
        if waiting >= self._records_limit:
            return float("-inf")
        return min(self._due_at, self._pace.gathered_at(self._first_at, self._moved_at))

    def _weigh(self, word: Acknowledgement | Header, chain: Chain) -> Verdict:
        match word:
            case Acknowledgement():
                return weigh_acknowledgement(word, self.standing, chain)
            case Header():
                return weigh_downlink(word, self.standing)
            case _:
                assert_never(word)

    def _effect(self, verdict: Verdict, word: Acknowledgement | Header, envelope: bytes) -> Effect | None:
        match verdict:
            case Accepted():
                return Keep(word, envelope)
            case Unchanged():
                return None
            case Refused(why):
                return Note(why)
            case Foreign(why):
                self._foreign = True
                return Alarm(why)
            case _:
                assert_never(verdict)

    def _move(self, event: Event) -> None:
        self.state = TRANSITIONS[self.state, event]
