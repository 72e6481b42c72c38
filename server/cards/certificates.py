"""Issuing the next load certificate of a purse: the only way P changes (P-R14, P-R15).

The caller holds the purse's row lock (`Purse.objects.select_for_update()` in a transaction) and has brought its durable
head up to date: it becomes the certificate's floor.
"""

from __future__ import annotations

from datetime import datetime

from onecard.identity import CardNumber, DayNumber, day_number
from onecard.kinds import CardKind, PurseUnit
from onecard.purse import certificate as certificates
from onecard.purse.certificate import Flags
from server.cards.models import Certificate, Purse
from server.cards.state import STATE_FIELDS, restate
from server.keyd.client import KeyProcessRefused
from server.keyd.issued import Reason as LogReason
from server.keyring import key_process, server_public

_LOG_REASONS = {
    Certificate.Reason.ISSUE: LogReason.ISSUE,
    Certificate.Reason.LOAD: LogReason.LOAD,
    Certificate.Reason.REFUND: LogReason.REFUND,
    Certificate.Reason.RENEWAL: LogReason.RENEWAL,
}


def issue_next_certificate(
    purse: Purse, loaded_delta: int, reason: Certificate.Reason, now: datetime, source: int | None = None
) -> Certificate:
    """The purse's next certificate: L + 1, P + `loaded_delta` fen. `source` is the place of the record refunded.

    A purse without one gets L = 1. Raises what the key process's client raises.
    """
    sequence, image = _issued(purse, purse.load_sequence + 1, purse.loaded + loaded_delta, reason, loaded_delta)
    purse.load_sequence, purse.loaded = sequence, purse.loaded + loaded_delta
    restate([purse])
    purse.save(update_fields=("load_sequence", "loaded", *STATE_FIELDS))
    return Certificate.objects.create(
        purse=purse,
        load_sequence=sequence,
        loaded=purse.loaded,
        delta=loaded_delta,
        floor_counter=purse.head_counter,
        floor_debited=purse.head_debited,
        reason=reason,
        source=source,
        image=image,
        issued_at=now,
    )


def _issued(purse: Purse, sequence: int, loaded: int, reason: Certificate.Reason, delta: int) -> tuple[int, bytes]:
    keys, log_reason = key_process(), _LOG_REASONS[reason]
    try:
        return sequence, keys.issue_certificate(_statement(purse, sequence, loaded), log_reason, delta)
    except KeyProcessRefused:
        # A transaction of ours was rolled back after the key process had signed: its L is ahead of ours. The lost
        # certificate never left this process; a gap in L is normal (P-R14).
        image = keys.latest_certificate(bytes(purse.uid), purse.purse)
        if image is None:
            raise
        ahead = certificates.verified(image, server_public()).load_sequence
        if ahead < sequence:
            raise
        sequence = ahead + 1
        return sequence, keys.issue_certificate(_statement(purse, sequence, loaded), log_reason, delta)


def _statement(purse: Purse, sequence: int, loaded: int) -> certificates.Certificate:
    card = purse.card
    return certificates.Certificate(
        purse=purse.purse,
        key_id=0,  # the key process puts the version of the key it signs with
        unit=PurseUnit(purse.unit),
        kind=CardKind(card.kind),
        flags=Flags(purse.flags),
        tier=purse.tier,
        load_sequence=sequence,
        loaded=loaded,
        floor_counter=purse.head_counter,
        floor_debited=purse.head_debited,
        expiry=DayNumber(day_number(card.expiry)),
        uid=bytes(purse.uid),
        card_number=CardNumber(card.number),
    )
