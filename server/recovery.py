"""What a database put back from a backup lacks and others still know: terminals let in, cards issued, cash loaded.

Records come again from the terminals, and refunds with them, for a refund is a function of the records. Loads are the
desk's word alone, so they are taken from the key process's log: the money was paid, and a next certificate without it
would take it back from the patron (P is absolute, P-R14). The log also has certificates whose transaction was rolled
back and which never left; they lie beside the way that leads from the newest certificate down to the backup's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from django.db import transaction

from onecard.identity import day_date
from onecard.purse import certificate as certificates
from server.cards.certificates import issue_next_certificate
from server.cards.models import Certificate, Purse
from server.cards.register import NewCard, register_card
from server.keyd.issued import Issued, IssuedLog, Reason
from server.keyring import server_public
from server.ledger.load import post_load
from server.sites import enrolled
from server.sites.models import Site, Terminal

_CASH = frozenset({Reason.ISSUE, Reason.LOAD})


@dataclass(frozen=True, slots=True)
class Recovered:
    """How many terminals, cards and purses were known again, and the fen of loads."""

    terminals: int
    cards: int
    purses: int
    loaded_fen: int


def recover(listed: Path, log: IssuedLog, site: Site, now: datetime) -> Recovered:
    """Know again what the list of terminals and the log of certificates tell; cards and cash are booked at `site`.

    Doing it twice is doing it once. Raises what the key process's client raises.
    """
    with transaction.atomic():
        terminals = sum(_admit(terminal) for terminal in enrolled.read(listed))
        cards = purses = loaded = 0
        for uid, number in log.purses():
            purse = Purse.objects.select_for_update(of=("self",)).filter(uid=uid, purse=number).first()
            if purse is None:
                [first, *_] = log.since(uid, number, 0)
                purse = _register(certificates.verified(first.image, server_public()), site, now)
                cards += 1
            amount = lost_loads([_step(issued) for issued in log.since(uid, number, purse.load_sequence)])
            if amount == 0 and purse.load_sequence:
                continue
            certificate = issue_next_certificate(purse, amount, Certificate.Reason.LOAD, now)
            post_load(purse, amount, site, certificate, now)
            purses += 1
            loaded += amount
    return Recovered(terminals, cards, purses, loaded)


class Step(NamedTuple):
    """A certificate of the log: whether it stands for cash, by how much P changed with it, and P, fen."""

    cash: bool
    delta: int
    loaded: int


def lost_loads(steps: Sequence[Step]) -> int:
    """The cash among a purse's certificates issued after the backup, ascending by L, fen. Pure.

    From the newest down: P less the change is the P of the one it was built on; what does not fit was rolled back.
    """
    cash, before = 0, None
    for step in reversed(steps):
        if before is None or step.loaded == before:
            cash += step.delta if step.cash else 0
            before = step.loaded - step.delta
    return cash


def _step(issued: Issued) -> Step:
    stated = certificates.verified(issued.image, server_public())
    return Step(issued.reason in _CASH, issued.delta, stated.loaded)


def _admit(terminal: enrolled.Enrolled) -> bool:
    if Terminal.objects.filter(number=terminal.number).exists():
        return False
    Terminal.objects.create(
        number=terminal.number,
        site_id=terminal.site,
        work=terminal.work,
        signing_public=bytes.fromhex(terminal.signing_public),
        sealing_public=bytes.fromhex(terminal.sealing_public),
        software=terminal.software,
        enrolled_at=datetime.fromtimestamp(terminal.enrolled_at, UTC),
    )
    return True


def _register(told: certificates.Certificate, site: Site, now: datetime) -> Purse:
    """The card and purse of a first certificate."""
    expiry = day_date(told.expiry)
    return register_card(
        NewCard(told.card_number, told.uid, told.kind, told.tier, told.flags, expiry, site), now, told.unit
    )
