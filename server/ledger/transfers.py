"""Which transfers a flow needs, given what is known of it. Pure.

    PAID, not posted before                          float    → site       sale
    stands on the card without a final word,
    or ABANDONED (P-R11)                             float    → in_doubt   doubt
    PAID after that                                  in_doubt → site       settle
    ABANDONED, stands, due: with its certificate     in_doubt → float      refund
    stands without a word, terminal declared lost    in_doubt → site       lost
    ABANDONED after that                             site     → in_doubt   found

What is known only grows, and each row is posted once.
"""

from __future__ import annotations

from collections.abc import Collection

from onecard.kinds import Outcome
from onecard.purse.resolution import State
from server.ledger.accounts import FLOAT, IN_DOUBT, Reason


def accounts(reason: Reason, site: str) -> tuple[str, str]:
    """Debit and credit account of a flow's transfer; `site` is the cinema's account."""
    match reason:
        case Reason.SALE:
            return FLOAT, site
        case Reason.DOUBT:
            return FLOAT, IN_DOUBT
        case Reason.SETTLE | Reason.LOST:
            return IN_DOUBT, site
        case Reason.FOUND:
            return site, IN_DOUBT
        case Reason.REFUND:
            return IN_DOUBT, FLOAT
        case _:
            raise AssertionError(reason)


def needed(
    state: State, outcome: Outcome | None, posted: Collection[str], *, refund_due: bool, lost: bool = False
) -> list[Reason]:
    """The transfers still missing for a debit of more than nothing, in order. `refund_due`: resolution says so;
    `lost`: its terminal is declared lost."""
    if outcome is Outcome.PAID and Reason.SALE in posted:
        return []  # nearly every flow there is
    wanted: list[Reason] = []
    with_site = Reason.LOST in posted and Reason.FOUND not in posted
    if outcome is Outcome.PAID and not with_site:
        wanted = [Reason.DOUBT, Reason.SETTLE] if Reason.DOUBT in posted else [Reason.SALE]
    elif outcome is not Outcome.PAID and state is State.STANDS:
        wanted = [Reason.DOUBT]
        if outcome is None and lost:
            wanted.append(Reason.LOST)
        if outcome is Outcome.ABANDONED and with_site:
            wanted.append(Reason.FOUND)
        if refund_due:
            wanted.append(Reason.REFUND)
    return [reason for reason in wanted if reason not in posted]


def refund_name(terminal: int, sequence: int) -> str:
    """What the alarm about a refused refund begins with, up to its first colon; the recount knows it by that."""
    return f"refund of record {terminal}/{sequence}"


def left_float(posted: Collection[str]) -> bool:
    """Whether a flow with these postings was taken out of the float."""
    return Reason.SALE in posted or Reason.DOUBT in posted
