"""I-02: a terminal debits a patron at most once for one sale; its final word is one, and durable when it is said."""

from __future__ import annotations

from firmware.purse_memory import SALES
from onecard.kinds import Outcome, Purpose
from tests.tears.history import History, claims_of
from tests.tears.world import outcomes

_FINAL = {Outcome.PAID, Outcome.ABANDONED, Outcome.UNSENT}


def violation(history: History) -> str | None:
    """One final word for each sale, one sale open at most, no record for two sales, nothing shown that can be lost."""
    for terminal in history.world.terminals:
        words = outcomes(terminal, durable=False)
        sales = [claim for claim in claims_of(terminal) if Purpose(claim.intent.purpose) in SALES]
        for sale in sales:
            given = [word for word in words.get(sale.sequence, []) if word in _FINAL]
            if len(given) > 1:
                return f"I-02: sale {sale.sequence} of terminal {terminal.number} ended {given}"
        if any(sale.word is None for sale in sales[:-1]):
            return f"I-02: terminal {terminal.number} began a sale while another was in doubt"
        durable = outcomes(terminal, durable=True)
        for told in history.world.told:
            if told.terminal == terminal.number and told.outcome not in durable.get(told.sequence, []):
                return f"I-02: {told} was shown and is not durable"
    announced = [claim.record.identity for terminal in history.world.terminals for claim in claims_of(terminal)]
    paid = [claim.record.identity for claim in history.claims.values() if claim.word is Outcome.PAID]
    if any(announced.count(identity) > 1 for identity in paid):
        return "I-02: a paid record stands for two intents (P-R7)"
    return None
