"""A replaced card: whatever is torn, old card and new card together never spend more than was loaded (P-R23)."""

from __future__ import annotations

import pytest

from tests.tears.classic import Classic
from tests.tears.family import Grain
from tests.tears.replacing import CAP, Found, Rules, search
from tests.tears.world import LOADED


def _hold(found: Found, depth: int) -> None:
    print(
        f"saw {found.states} states in {found.runs} steps: Classic, replacement, {depth} steps;"
        f" at most {found.most} of {LOADED} fen spendable"
    )
    assert found.violation is None, "\n".join([found.violation, *found.trace])


def test_old_and_new_card_never_spend_more_than_was_loaded() -> None:
    found = search(Classic(), Rules(), 4, Grain.COMMANDS)
    _hold(found, 4)
    assert found.most == LOADED, "what is held back is no more than it must be"


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_old_and_new_card_never_spend_more_than_was_loaded_in_a_larger_scope() -> None:
    _hold(search(Classic(), Rules(), 5, Grain.COMMANDS), 5)


@pytest.mark.parametrize(
    "rules",
    [Rules(holds_back=False), Rules(holds_doubt=False), Rules(cap=LOADED), Rules(heeds_list=False)],
    ids=["nothing held back", "nothing held for sales in doubt", "no cap at terminals", "the list is not heeded"],
)
def test_each_rule_of_a_replacement_is_needed(rules: Rules) -> None:
    assert search(Classic(), rules, 5, Grain.COMMANDS).violation is not None


def test_without_holding_back_the_loss_is_the_terminals_caps() -> None:
    """The stated bound: what the caps let pass at each terminal before the list reaches it, and no more (P-R22)."""
    rules = Rules(holds_back=False, stops=False)
    assert search(Classic(), rules, 6, None).most == LOADED + 2 * CAP
