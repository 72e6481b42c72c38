"""M1: one debit ring, the product's planning and resolution against hostile physics.

Every state reachable with at most K intents is visited. The terminals decide by `onecard.purse.plan`, the server
concludes by `onecard.purse.resolution`; only the physics, the power cuts and the checks (`ring_invariants`) are the
explorer's. Tears, power cuts and re-taps are unlimited.
"""

from __future__ import annotations

from collections.abc import Iterator

from onecard.kinds import Outcome
from onecard.purse.ring import SLOTS
from tests.onecard.purse.explorers.physics import Block, Blocks, View, views, write
from tests.onecard.purse.explorers.ring_actions import Action, Word, decisions
from tests.onecard.purse.explorers.ring_invariants import Seal, check_reading, check_seal, check_server
from tests.onecard.purse.explorers.ring_world import GENESIS, NOBODY, Journals, Scope, history_of, open_sale
from tests.onecard.purse.explorers.switches import Switch


class RingSpace:
    """All that one ring and its terminals can come to within a scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.unreadable = 0
        """States whose card can give a reading without a record."""

    @property
    def first(self) -> tuple[Journals, Blocks]:
        """A card as the desk leaves it."""
        return Journals(()), tuple(Block(place, weak=False) for place in range(len(GENESIS)))

    def rank(self, told: Journals) -> int:
        """How much was told."""
        words = len([1 for intent in told.intents if intent.word])
        return len(told.intents) + words + sum(map(int.bit_count, told[1:]))

    def at(self, told: Journals) -> RingMoment:
        """What follows from these journals."""
        return RingMoment(self, told)


class RingMoment:
    """The cards that share their journals: each reading is decided and judged once."""

    def __init__(self, space: RingSpace, journals: Journals) -> None:
        self._space = space
        self._scope = space.scope
        self._journals = journals
        self._history = history_of(journals, uploads=space.scope.uploads)
        self._wrong_at_server = check_server(self._scope, journals, self._history)
        self._words = [*self._unprompted()]
        self._decisions: dict[View, list[Action | Word]] = {}
        self._judged: dict[View, str | Seal | None] = {}

    def following(self, blocks: Blocks) -> Iterator[tuple[str, Journals, tuple[Blocks, ...]]]:
        """Words that need no card, then what every terminal can do with every reading."""
        for label, journals in self._words:
            yield label, journals, (blocks,)
        for view in views(blocks):
            for done in self._decided(view):
                if isinstance(done, Word):
                    yield done.label, done.journals, (blocks,)
                    continue
                cards = write(self._scope.physics, blocks, done.blank, done.slot, done.content)
                for journals, left in done.after(cards):
                    yield done.label, journals, left

    def violation(self, blocks: Blocks) -> str | None:
        """The invariants of docs/purse.md on the journals and on every reading of the card."""
        if self._wrong_at_server is not None:
            return self._wrong_at_server
        is_unreadable = False
        for view in views(blocks):
            seal = self._judgement(view)
            if seal is None:
                is_unreadable = True
            elif isinstance(seal, str):
                return seal
            else:
                wrong = check_seal(self._history, blocks, view, seal)
                if wrong is not None:
                    return wrong
        self._space.unreadable += is_unreadable
        if is_unreadable and self._scope.off is Switch.R5_LAST_REWRITTEN:
            return "UNREADABLE: plain tears alone left a reading without a record"
        return None

    def _decided(self, view: View) -> list[Action | Word]:
        found = self._decisions.get(view)
        if found is None:
            is_blank = all(record == NOBODY for record in view)
            found = [] if is_blank else [*decisions(self._scope, self._journals, self._history, view)]
            self._decisions[view] = found
        return found

    def _judgement(self, view: View) -> str | Seal | None:
        """What is wrong with a reading, or how it would be sealed; None without a record."""
        if view not in self._judged:
            self._judged[view] = check_reading(self._scope, self._journals, self._history, view)
        return self._judged[view]

    def _unprompted(self) -> Iterator[Word]:
        journals = self._journals
        for terminal in range(self._scope.terminals):
            sale = open_sale(journals.intents, terminal)
            if sale is not None:
                yield Word(f"T{terminal} abandons {sale}", journals.worded(sale, Outcome.ABANDONED))
        if self._scope.uploads:
            yield from self._uploads()
        if self._scope.off is Switch.R11_REFUNDED_OPEN:
            for place, told in enumerate(journals.intents, start=SLOTS):
                stands = self._history.durable >> place & 1 and told.sale == NOBODY
                if stands and told.word in (0, Outcome.ABANDONED) and not journals.refunded >> place & 1:
                    yield Word(
                        f"the server refunds {place}", journals._replace(refunded=journals.refunded | 1 << place)
                    )

    def _uploads(self) -> Iterator[Word]:
        journals = self._journals
        for place, told in enumerate(journals.intents, start=SLOTS):
            if not journals.received >> place & 1:
                yield self._uploaded(f"intent {place}", journals._replace(received=journals.received | 1 << place))
            if told.word and not journals.words_received >> place & 1:
                words = journals.words_received | 1 << place
                yield self._uploaded(f"outcome {place}", journals._replace(words_received=words))

    def _uploaded(self, what: str, journals: Journals) -> Word:
        due = history_of(journals, uploads=True).resolution.refunds
        refunded = journals.refunded
        for place, told in enumerate(journals.intents, start=SLOTS):
            refunded |= ((told.terminal, told.sequence) in due) << place
        return Word(f"{what} is uploaded", journals._replace(refunded=refunded))
