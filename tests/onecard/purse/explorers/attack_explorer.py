"""M2: a holder who dumps, restores and clones his card, and a thief with a terminal, against the product's decisions.

The property is detection and a bound, not prevention. A terminal believes a card by `onecard.purse.bounds`, judges a
re-tap by `plan.retap`, a price by `spending.refusal`; the server concludes and refunds by `onecard.purse.resolution`.
The row of the state table (P-R13) is one more bound; the list takes a card that the server sees forked or overdrawn.
"""

from __future__ import annotations

from collections.abc import Iterator

from onecard.kinds import Outcome
from onecard.purse import plan, spending
from onecard.purse.bounds import Bound, accepted
from onecard.purse.plan import OpenIntent
from onecard.purse.resolution import Resolution, may_refund
from onecard.purse.ring import Ring
from tests.onecard.purse.explorers.attack_world import (
    FORGER,
    NO_CAP,
    NOTHING,
    PRICE,
    REFERENCE,
    ROGUE,
    Body,
    Known,
    Rec,
    Scope,
    Signed,
    Told,
    debit_record,
    first,
    identity,
    resolution_of,
    ring_of,
)
from tests.onecard.purse.explorers.switches import Switch

_Step = tuple[str, Told, Body]


class AttackSpace:
    """All that the attack of a scope can come to; `excess` is the most that was taken beyond what was paid in."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.excess = 0

    @property
    def first(self) -> tuple[Told, Body]:
        """An honest card."""
        return first(self.scope)

    def rank(self, told: Told) -> int:
        """How much was told."""
        words = len([1 for record in told.records if record.word])
        at_server = told.received.bit_count() + told.words.bit_count() + told.refunded.bit_count()
        return len(told.records) + words + at_server + len(told.certificates) + told.loads

    def at(self, told: Told) -> AttackMoment:
        """What follows from what was told."""
        return AttackMoment(self, told)


class AttackMoment:
    """The states in which the same was told."""

    def __init__(self, space: AttackSpace, told: Told) -> None:
        self._space = space
        self._scope = space.scope
        self._told = told
        self._at_server: tuple[Resolution, int] | None = None
        self._syncs: dict[tuple[Told, int], tuple[Told, Resolution]] = {}
        self._undetected = self._loss()

    def following(self, body: Body) -> Iterator[tuple[str, Told, tuple[Body, ...]]]:
        """The desk, a stolen terminal, a sync, or a tap."""
        for label, told, after in self._steps(body):
            yield label, told, (after,)

    def violation(self, body: Body) -> str | None:
        """Every loss is seen once all journals are in, and no terminal loses more than its bound."""
        if self._undetected is not None:
            return self._undetected
        newest = self._told.certificates[-1].loaded
        for terminal, known in enumerate(body.terminals):
            bound = min(self._scope.card_cap, max(0, newest - known.row.debited))
            if known.spent > bound and not self._scope.off & {Switch.R8_NO_BOUND}:
                return f"BOUND: T{terminal} gave {known.spent} since its sync, {bound} is the most"
        return None

    def _loss(self) -> str | None:
        told = self._told
        if told.refunded and told.refunded.bit_count() * PRICE > self._concluded()[0].head.debited:
            return "MONEY: more was refunded than the head states as debited"
        paid = sum(PRICE for r in told.records if r.word == Outcome.PAID and r.terminal < ROGUE - 100)
        excess = paid - self._scope.loaded - told.loads
        self._space.excess = max(self._space.excess, excess)
        if excess > self._scope.excess_max:
            return f"LOSS: {excess} more was paid than loaded, {self._scope.excess_max} is the most"
        if excess <= 0:
            return None
        resolution, _ = resolution_of(told, -1, -1)
        is_seen = resolution.forks or resolution.head.debited > told.certificates[-1].loaded
        return None if is_seen else f"UNSEEN: {excess} more was paid than loaded, and all journals together look honest"

    def _steps(self, body: Body) -> Iterator[_Step]:
        yield from self._desk(body)
        if self._false_refunds() < self._scope.false_refunds and len(self._told.records) + 2 <= self._scope.records + 1:
            yield from self._uploads_of_what_never_was(body)
        for terminal in range(self._scope.terminals):
            if self._scope.online:
                told, synced = self._synced(self._told, body, terminal)
                for label, later, after in self._taps(told, synced, terminal):
                    yield label, *self._synced(later, after, terminal)
            else:
                if not (self._scope.cut_off and terminal == 1):
                    yield f"T{terminal} syncs", *self._synced(self._told, body, terminal)
                yield from self._taps(self._told, body, terminal)

    # The server.

    def _concluded(self) -> tuple[Resolution, int]:
        if self._at_server is None:
            self._at_server = resolution_of(self._told, self._told.received, self._told.words)
        return self._at_server

    def _desk(self, body: Body) -> Iterator[_Step]:
        told = self._told
        if told.loads == self._scope.loads:
            return
        resolution, _ = self._concluded()
        loaded = told.certificates[-1].loaded
        if resolution.forks or loaded - resolution.head.debited >= self._scope.balance_cap:
            return
        signed = self._signed(told, resolution, loaded + 1)
        yield "the desk loads 1", told._replace(certificates=signed, loads=told.loads + 1), body

    def _signed(self, told: Told, resolution: Resolution, loaded: int) -> tuple[Signed, ...]:
        floor = Bound(0, 0) if Switch.R15_NO_FLOOR in self._scope.off else resolution.head
        return (*told.certificates, Signed(loaded, floor))

    def _synced(self, told: Told, body: Body, terminal: int) -> tuple[Told, Body]:
        """All of the terminal's journal goes up; the table, the list and the newest certificate come down."""
        found = self._syncs.get((told, terminal))
        if found is None:
            received, words = told.received, told.words
            for place, record in enumerate(told.records):
                if record.terminal == terminal:
                    received |= 1 << place
                    words |= bool(record.word) << place
            found = self._settled(told._replace(received=received, words=words))
            self._syncs[told, terminal] = found
        (told, resolution), known = found, body.terminals[terminal]
        is_hot = bool(resolution.forks) or resolution.head.debited > told.certificates[-1].loaded
        row = known.row if Switch.R8_NO_BOUND in self._scope.off else resolution.head
        synced = Known(known.own, row, len(told.certificates) - 1, is_hot, 0)
        return told, body._replace(terminals=_with(body.terminals, terminal, synced))

    def _settled(self, told: Told) -> tuple[Told, Resolution]:
        resolution, taken = resolution_of(told, told.received, told.words)
        due = sorted(sequence for _, sequence in resolution.refunds if not told.refunded >> sequence & 1)
        for place in due:
            if may_refund(resolution.head, taken) or Switch.R11_REFUNDED_BEYOND in self._scope.off:
                certificates = self._signed(told, resolution, told.certificates[-1].loaded + PRICE)
                told = told._replace(refunded=told.refunded | 1 << place, certificates=certificates)
        return told, resolution

    def _false_refunds(self) -> int:
        return len([1 for record in self._told.records if record.terminal == ROGUE]) // 2

    def _uploads_of_what_never_was(self, body: Body) -> Iterator[_Step]:
        """An abandoned debit and an acknowledged successor of it, on any record."""
        told, place = self._told, len(self._told.records)
        for base, at in enumerate(told.records):
            sale = Rec(ROGUE, at.counter + 1, at.debited + PRICE, base, Outcome.ABANDONED)
            seal = Rec(ROGUE, at.counter + 2, at.debited + PRICE, place, Outcome.ACKED)
            both = 0b11 << place
            uploaded = told._replace(
                records=(*told.records, sale, seal), received=told.received | both, words=told.words | both
            )
            yield f"a stolen terminal uploads {place}, {place + 1} on {base}", self._settled(uploaded)[0], body

    # The taps.

    def _taps(self, told: Told, body: Body, terminal: int) -> Iterator[_Step]:
        known = body.terminals[terminal]
        is_open = [p for p, r in enumerate(told.records) if r.terminal == terminal and r.pays == NOTHING and not r.word]
        if is_open:
            place = is_open[0]
            yield f"T{terminal} abandons {place}", _worded(told, place, Outcome.ABANDONED), body
            if not known.hot:
                yield from self._retaps(told, body, terminal, place)
        elif not known.hot:
            yield from self._sales(told, body, terminal)

    def _sales(self, told: Told, body: Body, terminal: int) -> Iterator[_Step]:
        tried: set[tuple[Told, int, int]] = set()
        for later, newest in self._presented(told, body):
            for shown in range(len(told.certificates)):
                held = max(shown, body.terminals[terminal].held)
                if (later, newest, held) not in tried:
                    tried.add((later, newest, held))
                    yield from self._sale(later, body, terminal, newest, held)

    def _sale(self, told: Told, body: Body, terminal: int, newest: int, held: int) -> Iterator[_Step]:
        known, best = body.terminals[terminal], told.certificates[held]
        card, place = told.records[newest], len(told.records)
        if place > self._scope.records or not self._believes(told, known, held, newest):
            return
        cap = NO_CAP if Switch.R22_NO_CAP in self._scope.off else self._scope.card_cap
        debited, spent = card.debited, known.spent
        if spending.refusal(loaded=best.loaded, debited=debited, amount=PRICE, spent=spent, card_cap=cap) is not None:
            return
        record = plan.append(ring_of(told, newest), PRICE, terminal, place, REFERENCE).record
        sale = Rec(terminal, record.counter, record.debited, newest, 0)
        label = f"T{terminal} sells {place} on {newest} {tuple(card[1:3])}"
        written = told._replace(records=(*told.records, sale))
        kept = body._replace(terminals=_with(body.terminals, terminal, known._replace(held=held)), current=place)
        if self._scope.loses_answers:
            yield f"{label}, no answer", written, kept
            if not self._scope.restores:
                yield f"{label}, not written", written, kept._replace(current=newest)
        yield f"{label}, PAID", *self._paid(written, kept, terminal, place, place)

    def _paid(self, told: Told, body: Body, terminal: int, sale: int, top: int) -> tuple[Told, Body]:
        """The sale is paid by the acknowledged record `top`: itself, or a null record."""
        known = body.terminals[terminal]
        own = max(known.own, Bound(*told.records[top][1:3]))
        if Switch.R8_NO_BOUND in self._scope.off:
            own = known.own
        after = known._replace(own=own, spent=known.spent + PRICE)
        paid = _worded(told, sale, Outcome.PAID)
        return paid, body._replace(terminals=_with(body.terminals, terminal, after), current=top)

    def _retaps(self, told: Told, body: Body, terminal: int, sale: int) -> Iterator[_Step]:
        known, base = body.terminals[terminal], told.records[sale].base
        intent = OpenIntent(debit_record(told, sale), debit_record(told, base))
        bounds = self._bounds(told, known, known.held)
        if Switch.R5_RETAP_UNJUDGED in self._scope.off:
            bounds = []
        for later, newest in self._presented(told, body):
            for ring in self._rings(later, newest, sale, base):
                assert ring.newest is not None
                label = f"T{terminal} sees {[r and (r.counter, r.debited) for r in ring.records]} again for {sale}"
                decision = plan.retap(ring, intent, bounds)
                if Switch.R5_BRANCHES_MIXED in self._scope.off and decision == plan.NotVisible():
                    below = [bound for bound in bounds if bound.counter <= intent.record.counter]
                    decision = plan.retap(ring, intent, below)
                match decision:
                    case plan.Rewrite():
                        yield f"{label}, PAID", *self._paid(later, body, terminal, sale, sale)
                    case plan.SealOpen() if len(later.records) <= self._scope.records:
                        place = len(later.records)
                        null = plan.append(ring, 0, terminal, place, REFERENCE).record
                        sealed = Rec(terminal, null.counter, null.debited, newest, Outcome.ACKED, sale)
                        after = later._replace(records=(*later.records, sealed))
                        yield f"{label}, sealed", *self._paid(after, body, terminal, sale, place)
                    case _:
                        pass  # refused, or abandoned as above

    def _rings(self, told: Told, newest: int, sale: int, base: int) -> Iterator[Ring]:
        """What he can lay on the reader with this record as newest: its own chain, or the in-doubt record below it."""
        chain = [newest]
        while len(chain) < 3 and told.records[chain[-1]].base != NOTHING:
            chain.append(told.records[chain[-1]].base)
        rings = [ring_of(told, *chain)]
        if self._scope.restores:
            rings += [ring_of(told, newest, sale, base)]
        for ring in rings:
            if ring.newest is not None and ring.newest.identity == identity(told, newest):
                yield ring

    # What is laid on the reader, and whether it is believed.

    def _presented(self, told: Told, body: Body) -> Iterator[tuple[Told, int]]:
        """Every record that he can present as newest; a forged one is written down first."""
        if not self._scope.restores:
            yield told, body.current
            return
        for place, record in enumerate(told.records):
            if record.terminal != ROGUE:
                yield told, place
        if self._scope.forges and len(told.records) < self._scope.records:
            highest = max(record.counter for record in told.records) + 1
            for counter in range(highest + 1):
                for debited in range(self._scope.forged_debited + 1):
                    forged = Rec(FORGER, counter, debited, NOTHING, Outcome.ABANDONED)
                    yield told._replace(records=(*told.records, forged)), len(told.records)

    def _bounds(self, told: Told, known: Known, held: int) -> list[Bound]:
        bounds = [known.own, known.row, told.certificates[held].floor]
        if Switch.R8_NO_BOUND in self._scope.off:
            bounds = bounds[2:]
        return bounds

    def _believes(self, told: Told, known: Known, held: int, newest: int) -> bool:
        card, bounds = told.records[newest], self._bounds(told, known, held)
        if Switch.R8_COUNTER_ONLY in self._scope.off:
            bounds = [Bound(b.counter, min(b.debited, card.debited)) for b in bounds]
        return accepted(bounds, card.counter, card.debited)


def _worded(told: Told, place: int, word: Outcome) -> Told:
    records = list(told.records)
    records[place] = records[place]._replace(word=word)
    return told._replace(records=tuple(records))


def _with(terminals: tuple[Known, ...], place: int, known: Known) -> tuple[Known, ...]:
    return (*terminals[:place], known, *terminals[place + 1 :])
