"""The verdict: every checker, inline after each presentation, and over the whole fleet once it was healed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from firmware.results import Paid
from firmware.view import Result
from onecard.keys import KeyRing
from onecard.purse import certificate as certificates
from onecard.purse.certificate import BadCertificate
from tools.fleet.centre import Centre
from tools.fleet.chance import Chance
from tools.fleet.checkers import (
    flow_i2,
    flow_i3,
    flow_i4,
    flow_i8,
    flow_i11,
    i_03,
    i_08,
    purse_i2,
    purse_i3,
    purse_i4,
    purse_i6,
    purse_i7,
    purse_i8,
)
from tools.fleet.checkers.attack import Taken, found_out
from tools.fleet.checkers.scene import Decode, Fleet, settle
from tools.fleet.ledger import FlowName
from tools.fleet.report import Violation
from tools.fleet.terminal import Terminal
from tools.fleet.truth import CardTruth, Truth

_ENOUGH = 20
"""Violations after which a run is not gone on with."""


@dataclass(slots=True)
class Verdict:
    """What was found so far."""

    centre: Centre
    truth: Truth
    card_cap: int
    decode: Decode
    keys: KeyRing
    found: list[Violation] = field(default_factory=list)
    excused: list[int] = field(default_factory=list)
    taken: Taken = field(default_factory=Taken)
    unattributed_fen: int = 0
    _known: dict[bytes, tuple[int, bytes] | None] = field(default_factory=dict)

    @property
    def is_out(self) -> bool:
        """Whether enough is known."""
        return len(self.found) >= _ENOUGH

    def presented(self, terminal: Terminal, card: CardTruth, result: Result | None) -> None:
        """After each presentation."""
        if not card.honest:
            self._dishonest(terminal, result)
            return
        for violation in (
            purse_i3.check(card, self.decode),
            purse_i6.check(card, self.decode, self._load_sequence) if card.purse.weak_slots or result is None else None,
            purse_i7.check(card, result, terminal.number),
            i_03.check(card, result, self.centre.ledger.rows[card.uid].loaded),
        ):
            if violation is not None:
                self.found.append(violation)

    def _dishonest(self, terminal: Terminal, result: Result | None) -> None:
        if terminal.lossy:
            self.taken.forgotten(terminal.number)
        elif isinstance(result, Paid):
            sale = self.truth.intents[terminal.number, result.sequence]
            violation = self.taken.paid(sale, self.card_cap, terminal.state_row(sale.uid))
            if violation is not None:
                self.found.append(violation)

    def refunding(self, truth: Truth, terminals: Mapping[int, Terminal]) -> Callable[[bytes, FlowName, int], None]:
        """For the ledger: told of each refund."""

        def told(uid: bytes, name: FlowName, amount: int) -> None:
            card = truth.cards[uid]
            if not card.honest:
                return
            violation = purse_i4.check(card, truth.intents.get(name), amount, lossy=terminals[name[0]].lossy)
            if violation is not None:
                self.found.append(violation)

        return told

    def healed(self, truth: Truth, terminals: dict[int, Terminal], draw: Chance) -> None:
        """After faults stopped, living terminals synced and each card was tapped once."""
        self.found.extend(self._healed(truth, terminals, draw))

    def _healed(self, truth: Truth, terminals: dict[int, Terminal], draw: Chance) -> Iterator[Violation]:
        settled = []
        for uid, card in truth.cards.items():
            row = self.centre.ledger.rows[uid]
            self.unattributed_fen += row.unattributed if card.honest else 0
            one = settle(card, row, self.decode)
            if one is not None and card.honest and not card.at_desk:
                settled.append(one)
            if not card.honest:
                lossy = any(terminals[order.sale.terminal].lossy for order in card.orders if order.sale is not None)
                yield from found_out(card, row, lossy=lossy)
        fleet = Fleet(truth, self.centre, terminals, settled)
        for one in settled:
            yield from purse_i2.check(one)
            yield from purse_i8.check(fleet, one)
            yield from flow_i2.check(fleet, one, self.excused)
            yield from flow_i3.check(fleet, one)
            yield from flow_i4.check(fleet, one)
            yield from flow_i8.check(fleet, one)
            if draw.below(16) == 0:
                yield from flow_i11.check(one, draw)
        yield from i_08.check(fleet)

    def _load_sequence(self, image: bytes, uid: bytes) -> int | None:
        known = self._known.get(image)
        if known is None:
            try:
                stated = certificates.verified(image, self.keys)
            except BadCertificate:
                return None
            known = self._known[image] = (stated.load_sequence, stated.uid)
        return known[0] if known[1] == uid else None
