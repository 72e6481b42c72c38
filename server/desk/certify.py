"""The money of a job: it moves in one transaction with the certificate that says so."""

from __future__ import annotations

from datetime import datetime

from server.cards.certificates import issue_next_certificate
from server.cards.models import Certificate, Purse
from server.desk.models import Job
from server.ledger.load import post_load


def certify(job: Job, purse: Purse, reason: Certificate.Reason, now: datetime) -> Certificate:
    certificate = issue_next_certificate(purse, job.amount, reason, now)
    post_load(purse, job.amount, job.site, certificate, now=now, terminal=job.station)
    job.certificate = certificate
    job.save(update_fields=("uid", "number", "state", "card_at", "certificate"))
    return certificate
