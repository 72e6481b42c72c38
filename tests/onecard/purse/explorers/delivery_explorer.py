"""M3: delivery of certificates, the product's order of steps against hostile physics.

Two terminals hold any certificates the issuer signed, late and in any order; they debit, write their own records again
and deliver. `onecard.purse.delivery` says what is in force, whether a delivery is due and in which steps it goes,
`onecard.purse.plan` what the records are and what a re-tap does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from onecard.purse import delivery, plan
from onecard.purse.plan import OpenIntent, Rewrite, SealOpen
from onecard.purse.record import LoadReference
from onecard.purse.ring import Ring
from tests.onecard.purse.explorers import physics
from tests.onecard.purse.explorers.delivery_world import (
    FIRST,
    TERMINALS,
    UNITS,
    Announced,
    Body,
    Scope,
    Told,
    copy_of,
    records_of,
    ring_of,
)
from tests.onecard.purse.explorers.physics import GARBAGE, Block, Blocks, View
from tests.onecard.purse.explorers.switches import Switch


class RecordWrite(NamedTuple):
    """A ring record that states an L, and units of the certificate that a card of one commit takes with it. `before` is
    told whatever becomes of it, `acked` when it was acknowledged."""

    blank: tuple[int, ...]
    slot: int
    content: int
    stated: int
    before: Told
    acked: Told
    staged: tuple[tuple[int, int], ...] = ()


class UnitWrite(NamedTuple):
    """One sector of a copy."""

    unit: int
    load_sequence: int


Deed = RecordWrite | UnitWrite


class DeliverySpace:
    """All that one card and two terminals can come to within a scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    @property
    def first(self) -> tuple[Told, Body]:
        """A card as the desk leaves it."""
        return FIRST

    def rank(self, told: Told) -> int:
        """How much was told."""
        return told.issued + len(told.records) + len([1 for record in told.records if record.acked])

    def at(self, told: Told) -> DeliveryMoment:
        """What follows from these records."""
        return DeliveryMoment(self.scope, told)


class DeliveryMoment:
    """The cards on which the same records were announced."""

    def __init__(self, scope: Scope, told: Told) -> None:
        self._scope = scope
        self._told = told
        self._records = records_of(told)
        self._applied = max(record.load_sequence for record in told.records if record.acked)
        self._plans: dict[tuple[View, int, int], list[tuple[str, list[Deed]]]] = {}

    def following(self, body: Body) -> Iterator[tuple[str, Told, Sequence[Body]]]:
        """The issuer signs, the downlink brings something, or a terminal sees the card."""
        told = self._told
        if told.issued < self._scope.certificates:
            yield "the issuer signs", told._replace(issued=told.issued + 1), (body,)
        yield from self._downlinks(body)
        for view in physics.views(body.ring):
            newest = self._newest(view)
            if newest == GARBAGE:
                continue
            for terminal in range(TERMINALS):
                for seen, in_force in self._sights(body, terminal, newest):
                    if seen != body:
                        yield f"T{terminal} reads the certificate in force", told, (seen,)
                    for what, deeds in self._planned(view, in_force, seen.held[terminal]):
                        label = f"T{terminal} on {view}: {what}"
                        for later, acked, cards in self._performed(deeds, body.ring, body.units):
                            on_card = self._on_card(seen.on_card, terminal, acked)
                            yield label, later, [Body(ring, units, seen.held, on_card) for ring, units in cards]

    def violation(self, body: Body) -> str | None:
        """I6: whatever the card reads, the certificate in force is readable and not below an acknowledged one; and
        what a terminal takes for the one in force is it."""
        for view in physics.views(body.ring):
            newest = self._newest(view)
            if newest == GARBAGE:
                continue
            copy, load = self._told.records[newest].copy, self._told.records[newest].load_sequence
            if load < self._applied:
                return f"I6: {self._applied} was in force, reading {view} names {load}"
            for units in physics.views(body.units):
                if copy_of(units, copy) != load:
                    return f"I6: record {newest} names {load} in copy {copy}, the card reads {units}"
            for terminal in range(TERMINALS):
                for _, in_force in self._sights(body, terminal, newest):
                    if in_force > load:  # less is only a balance shown too low, until money is short (P-R18)
                        return f"I6: T{terminal} takes {in_force} to be in force, it is {load}"
        return None

    def _on_card(self, known: tuple[int, ...], terminal: int, acked: int) -> tuple[int, ...]:
        """The last L that each terminal knows to have been in force, after a record that states `acked` was
        acknowledged. Kept only where L can agree modulo 8."""
        return _with(known, terminal, max(known[terminal], acked)) if self._scope.stride > 1 else known

    def _newest(self, view: View) -> int:
        ring = ring_of(self._records, view)
        return GARBAGE if ring.newest is None else view[ring.records.index(ring.newest)]

    def _downlinks(self, body: Body) -> Iterator[tuple[str, Told, tuple[Body, ...]]]:
        for terminal in range(TERMINALS):
            for number in range(1, self._told.issued + 1):
                load = 1 + number * self._scope.stride
                held = body.held[terminal]
                if delivery.supersedes(load, held) or (self._scope.off is Switch.R17_LAST_HEARD and load != held):
                    kept = body._replace(held=_with(body.held, terminal, load))
                    yield f"T{terminal} receives {load}", self._told, (kept,)

    def _sights(self, body: Body, terminal: int, newest: int) -> Iterator[tuple[Body, int]]:
        """What the terminal knows after having looked at the certificate, and the L it takes to be in force."""
        reference, held = self._records[newest].load_reference, body.held[terminal]
        last = held if self._scope.off is Switch.R17_MODULO_ONLY else body.on_card[terminal]
        if delivery.names_only(reference, held, last):
            yield body, held
            return
        for units in physics.views(body.units):
            load = copy_of(units, reference.copy)
            if load == GARBAGE or not delivery.names(reference, load):
                continue  # refused: BAD_CERTIFICATE
            is_better = delivery.supersedes(load, held) and self._scope.off is not Switch.R17_LAST_HEARD
            best = load if is_better else held
            on_card = body.on_card
            if self._scope.off is Switch.R17_KNOWN_BY_READ:
                on_card = _with(on_card, terminal, max(load, on_card[terminal]))
            yield body._replace(held=_with(body.held, terminal, best), on_card=on_card), load

    def _planned(self, view: View, in_force: int, held: int) -> list[tuple[str, list[Deed]]]:
        key = view, in_force, held
        found = self._plans.get(key)
        if found is None:
            found = self._plans[key] = [*self._plan(view, in_force, held)]
        return found

    def _plan(self, view: View, in_force: int, held: int) -> Iterator[tuple[str, list[Deed]]]:
        ring = ring_of(self._records, view)
        yield from self._rewrites(view, ring, held)
        is_due = delivery.is_due(held, in_force)
        if self._scope.off is Switch.R17_LAST_HEARD:
            is_due = held != in_force
        if is_due:
            yield from self._delivery(view, ring, in_force, held)
        elif self._room(self._told):
            newest = self._told.records[self._newest(view)]
            write = self._append(
                self._told, ring, self._newest(view), self._reference(view), newest.load_sequence, in_force
            )
            yield f"debits by {write.content}", [write]

    def _reference(self, view: View) -> LoadReference:
        return self._records[self._newest(view)].load_reference

    def _room(self, told: Told) -> int:
        return self._scope.records - (len(told.records) - len(FIRST[0].records))

    def _append(
        self, told: Told, ring: Ring, base: int, reference: LoadReference, load_sequence: int, stated: int
    ) -> RecordWrite:
        place = len(told.records)
        write = plan.append(ring, 0, 1, place, reference)
        announced = Announced(base, reference.copy, load_sequence, stated, acked=False)
        before = told._replace(records=(*told.records, announced))
        acked = told._replace(records=(*told.records, announced._replace(acked=True)))
        return RecordWrite(write.blank, write.slot, place, stated, before, acked)

    def _rewrites(self, view: View, ring: Ring, held: int) -> Iterator[tuple[str, list[Deed]]]:
        """Re-taps of whatever is not acknowledged, at either terminal: the product's one open sale is among them."""
        for place, announced in enumerate(self._told.records):
            if announced.acked:
                continue
            intent = OpenIntent(self._records[place], self._records[announced.base])
            match plan.retap(ring, intent, ()):
                case Rewrite(write):
                    steps = self._steps_before(view, place, held)
                    if steps is None:
                        continue
                    staged = tuple(UnitWrite(step.copy * UNITS + u, held) for step in steps for u in range(UNITS))
                    acked = list(self._told.records)
                    acked[place] = announced._replace(acked=True)
                    after = self._told._replace(records=tuple(acked))
                    again = RecordWrite(write.blank, write.slot, place, announced.stated, self._told, after, staged)
                    yield f"writes {place} again", [again]
                case SealOpen():
                    pass  # a null record under what is in force: as a debit here
                case _:
                    pass

    def _steps_before(self, view: View, place: int, held: int) -> tuple[delivery.WriteCopy, ...] | None:
        if place in view or not self._scope.atomic or self._scope.off is Switch.R5_CERTIFICATE_LEFT:
            return ()
        in_force = self._told.records[self._newest(view)].load_sequence  # read from the card: I6
        return delivery.steps_before_rewrite(in_force, self._told.records[place].stated, held)

    def _delivery(self, view: View, ring: Ring, in_force: int, held: int) -> Iterator[tuple[str, list[Deed]]]:
        told, base, reference = self._told, self._newest(view), self._reference(view)
        deeds: list[Deed] = []
        staged: list[tuple[int, int]] = []
        for step in self._steps(reference, held):
            match step:
                case delivery.NullRecord():
                    if self._room(told) < 2:  # the model's bound: a delivery is begun when all of it is in scope
                        return
                    null = self._append(told, ring, base, reference, self._told.records[base].load_sequence, in_force)
                    told, base = null.acked, null.content
                    ring = ring.with_record(records_of(told)[base])
                    deeds.append(null)
                case delivery.WriteCopy(copy):
                    units = [UnitWrite(copy * UNITS + unit, held) for unit in range(UNITS)]
                    if self._scope.atomic and self._scope.off is not Switch.R16_TWO_COMMITS:
                        staged += units
                    else:
                        deeds += units
                case delivery.NextRecord(new):
                    if self._room(told):
                        last = self._append(told, ring, base, new, held, held)
                        deeds.append(last._replace(staged=tuple(staged)))
        yield f"delivers {held}", deeds

    def _steps(self, reference: LoadReference, held: int) -> tuple[delivery.Step, ...]:
        steps = delivery.steps(reference, held, atomic=self._scope.atomic)
        if self._scope.off is Switch.R16_NO_RECORD_FIRST:
            return tuple(step for step in steps if not isinstance(step, delivery.NullRecord))
        if self._scope.off is Switch.R16_IN_PLACE:
            new = LoadReference.of(reference.copy, held)
            return delivery.NullRecord(), delivery.WriteCopy(reference.copy), delivery.NextRecord(new)
        return steps

    def _performed(
        self, deeds: list[Deed], ring: Blocks, units: Blocks
    ) -> Iterator[tuple[Told, int, list[tuple[Blocks, Blocks]]]]:
        """Every way the deeds, one after the other, can end (the card leaves, power fails, an answer is lost), with the
        highest L that an acknowledged record states."""
        kind, told, stated = self._scope.physics, self._told, 0
        for deed in deeds:
            if isinstance(deed, RecordWrite):
                cards = physics.write(kind, ring, deed.blank, deed.slot, deed.content)
                with_it = _staged(units, deed.staged)
                yield deed.before, stated, [(card, units) for card in (*cards.torn, *cards.absent)]
                yield deed.before, stated, [(card, with_it) for card in cards.present]
                ring, units, told, stated = cards.acked, with_it, deed.acked, deed.stated
                yield told, stated, [(ring, units)]
            else:
                cards = physics.write(kind, units, (), deed.unit, deed.load_sequence)
                yield told, stated, [(ring, card) for card in (*cards.absent, *cards.present)]
                if self._scope.off is Switch.R16_BEFORE_ALL_ACKS and isinstance(deeds[-1], RecordWrite):
                    last = deeds[-1]
                    put = physics.write(kind, ring, last.blank, last.slot, last.content).acked
                    yield last.acked, last.stated, [(put, card) for card in cards.present]
                units = cards.acked


def _with(values: tuple[int, ...], place: int, value: int) -> tuple[int, ...]:
    return (*values[:place], value, *values[place + 1 :])


def _staged(units: Blocks, staged: tuple[tuple[int, int], ...]) -> Blocks:
    for unit, load_sequence in staged:
        units = physics.put(units, unit, Block(load_sequence, weak=False))
    return units
