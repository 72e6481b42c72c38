"""A laptop's visit at one terminal: the replies handed over, then every bundle pulled, each durable before the next.

    visit = Visit(store, roster)
    for each time a line is joined:  end = visit.joined();  then events of `end` to visit.happened(event)

It speaks through a `LaptopEnd` and writes to a `CourierStore`; the line is somebody else's. A visit goes on where it
was when the cable was pulled.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from onecard.courier_link.laptop_end import Came, Event, LaptopEnd, Pulled, Spoiled
from onecard.courier_link.messages import End, Hi, Next, Parcel, Pull, Refused, Taken, chunk_count
from onecard.courier_store import CourierStore, HeldReply, Partial, remove
from onecard.errors import OnecardError
from onecard.roster import Roster
from tools.courier.verification import Proof, prove

_SPOILED_MAX = 3


class TerminalRefuses(OnecardError):
    """The terminal answers, and cannot give what is asked."""

    def __init__(self, terminal: int, why: str) -> None:
        self.terminal = terminal
        super().__init__(f"terminal {terminal}: {why}")


class AnotherTerminal(OnecardError):
    """The cable was joined to another terminal in the middle of a visit."""

    def __init__(self, begun: int, found: int) -> None:
        super().__init__(f"terminal {found} answers where terminal {begun} was being collected: collect each by itself")


@dataclass(slots=True)
class Account:
    """What a visit came to, for people."""

    terminal: int = 0
    site: str = ""
    backlog: int = 0  # records the terminal had to send when the visit began
    records: int = 0  # collected now, once each
    bundles: int = 0
    size: int = 0  # bytes of them
    unproved: int = 0  # bundles whose signature could not be checked
    reply: str = ""  # what became of the reply that was carried here
    joined: int = 0  # times the line was joined
    bad_frames: int = 0
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """Records done of those there are, and chunks of the bundle under way."""

    records_done: int
    records_total: int
    chunks_done: int
    chunks_total: int

    @property
    def ratio(self) -> float:
        """0.0 … 1.0, bundles taken to be of equal weight by their records."""
        return self.records_done / self.records_total if self.records_total else 1.0


@dataclass(slots=True)
class _Pulling:
    """The bundle under way."""

    parcel: Parcel
    partial: Partial
    chunks: int
    spoiled: int = 0


@dataclass(slots=True)
class Visit:
    """One terminal's. Raises out of `happened`: `TerminalRefuses`, `AnotherTerminal`, `NotKept`, and what
    `verification.prove` raises."""

    store: CourierStore
    roster: Roster | None
    account: Account = field(default_factory=Account)
    _end: LaptopEnd = field(default_factory=LaptopEnd)
    _hi: Hi | None = None
    _begun_after: int = 0
    _reached: int = 0  # last record of the newest bundle kept in this visit
    _tag: bytes = b""
    _giving: HeldReply | None = None
    _given: set[Path] = field(default_factory=set)
    _pulling: _Pulling | None = None

    def joined(self) -> LaptopEnd:
        """A line is there, the first time or again: the end to speak through."""
        self.account.joined += 1
        self.account.bad_frames += self._end.bad_frames
        self._end = LaptopEnd()
        self._end.greet()
        return self._end

    def finish(self) -> Account:
        """The account, at the end or as far as it came."""
        self.account.bad_frames += self._end.bad_frames
        self._end = LaptopEnd()
        return self.account

    @property
    def progress(self) -> Progress:
        """How far it is."""
        hi, pulling = self._hi, self._pulling
        total = max(0, hi.durable - self._begun_after) if hi else 0
        done = max(0, self._reached - self._begun_after) if self._reached else 0
        chunks = (pulling.chunks, chunk_count(pulling.parcel.size)) if pulling else (0, 0)
        return Progress(min(done, total), total, *chunks)

    def happened(self, event: Event) -> None:
        """What the line brought."""
        match event:
            case Hi():
                self._greeted(event)
            case Taken(_, why):
                assert self._giving is not None
                remove(self._giving.file)
                self._given.add(self._giving.file)
                self._giving = None
                self.account.reply = f"taken; refused: {why}" if why else "taken"
                self._end.greet()  # what is acknowledged has changed
            case Parcel():
                self._pull(event)
            case Came(number, content):
                pulling = self._under_way()
                pulling.partial.add(number, content)
                pulling.chunks += 1
            case Pulled(content):
                self._keep(content)
            case Spoiled():
                self._again()
            case End():
                self.account.finished = True
            case Refused():
                self._refused(event)

    def _greeted(self, hi: Hi) -> None:
        if self._hi is not None and hi.terminal != self._hi.terminal:
            raise AnotherTerminal(self._hi.terminal, hi.terminal)
        first = self._hi is None
        self._hi, self._pulling = hi, None
        if first:
            self.account.terminal, self.account.site, self.account.backlog = hi.terminal, hi.site, hi.backlog
        waiting = (reply for reply in self.store.replies(hi.terminal) if reply.file not in self._given)
        self._giving = next(waiting, None)
        if self._giving is not None:
            self._end.give(self._giving.read())
            return
        if not self._reached:
            after, self._tag = self.store.continued_after(hi.terminal, hi.acknowledged)
            self._begun_after = after or hi.acknowledged
        self._ask()

    def _ask(self) -> None:
        assert self._hi is not None
        after = self._reached or (self._begun_after if self._tag else 0)
        if max(after, self._begun_after) >= self._hi.durable:
            self.account.finished = True
            return
        self._end.ask_next(after, self._tag)

    def _pull(self, parcel: Parcel) -> None:
        assert self._hi is not None
        if parcel.last <= self._reached:
            raise TerminalRefuses(self._hi.terminal, "it gives the same records again and again: restart its daemon")
        if not self._reached:
            # It begins earlier when our tag is not its own.
            self._begun_after = min(self._begun_after, parcel.first - 1)
        partial = self.store.partial(self._hi.terminal, parcel)
        partial.begin()
        have = partial.chunks()
        self._pulling = _Pulling(parcel, partial, len(have))
        self._end.pull(parcel, have)

    def _keep(self, content: bytes) -> None:
        assert self._hi is not None
        parcel = self._under_way().parcel
        proof = prove(content, self._hi.terminal, self.roster)
        self.store.keep_bundle(self._hi.terminal, parcel, content)
        self.account.records += parcel.last - parcel.first + 1
        self.account.bundles += 1
        self.account.size += parcel.size
        self.account.unproved += proof is not Proof.SIGNED
        self._reached, self._tag, self._pulling = parcel.last, parcel.tag, None
        self._ask()

    def _again(self) -> None:
        pulling = self._under_way()
        pulling.partial.drop()
        pulling.chunks = 0
        pulling.spoiled += 1
        if pulling.spoiled >= _SPOILED_MAX:
            assert self._hi is not None
            raise TerminalRefuses(self._hi.terminal, "what it gives is not what it says it gives: tell the centre")
        self._end.pull(pulling.parcel, {})

    def _refused(self, refused: Refused) -> None:
        assert self._hi is not None or refused.to not in (Next.NUMBER, Pull.NUMBER)
        if refused.to == Pull.NUMBER:
            self._pulling = None
            self._ask()
        elif self._giving is not None:  # it stays with us, and stands in no bundle's way
            self._given.add(self._giving.file)
            self._giving = None
            self.account.reply = f"not taken: {refused.why}"
            self._end.greet()
        else:
            raise TerminalRefuses(self._hi.terminal if self._hi else 0, refused.why)

    def _under_way(self) -> _Pulling:
        assert self._pulling is not None
        return self._pulling
