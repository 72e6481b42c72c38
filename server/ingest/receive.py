"""A bundle's way in: who signed it, is it really theirs, what is inside; then stored in one transaction.

Nothing foreign is parsed before the signature is known to be good.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from onecard.bundle import BadBundle, Run, read_run
from onecard.envelope import BadEnvelope, Domain, Envelope, open_envelope, verify
from server.ingest.alarms import raise_alarm
from server.ingest.contact import note_contact
from server.ingest.errors import RevokedTerminal, UnknownTerminal
from server.ingest.models import Alarm
from server.ingest.store import Stored, store_run, take_apart
from server.keyring import key_process
from server.places import SEQUENCE_MAX
from server.sites.models import Terminal


@dataclass(frozen=True, slots=True)
class Received:
    """A bundle taken in."""

    terminal: Terminal
    run: Run
    stored: Stored
    chain_key: bytes


def receive(raw: bytes, now: datetime) -> Received:
    """Verify, open and store the envelope bytes of a bundle.

    Raises `BadEnvelope`, `UnknownTerminal`, `BadSignature`, `RevokedTerminal`, `BadBundle`, and what the key process's
    client raises; the database's own errors when it is busy.
    """
    envelope = open_envelope(raw)
    terminal = signer(envelope, Domain.BUNDLE, now)
    plaintext, chain_key = key_process().unseal_run(raw)
    run = read_run(plaintext, envelope.key_id)
    if run.last_sequence > SEQUENCE_MAX or run.first_sequence > SEQUENCE_MAX:
        raise BadBundle(run.terminal, f"sequences above {SEQUENCE_MAX} are not stored here")
    parcel = take_apart(run, chain_key, raw)
    with transaction.atomic():
        stored = store_run(terminal, parcel, now)
        note_contact(terminal, run, now)
    return Received(terminal, run, stored, chain_key)


def signer(envelope: Envelope, domain: Domain, now: datetime) -> Terminal:
    """The active terminal that signed `envelope` for `domain`.

    Raises `BadEnvelope`, `UnknownTerminal`, `BadSignature`, `RevokedTerminal`.
    """
    key_id = envelope.key_id
    if key_id.sender != b"T" or key_id.version != 1:
        raise BadEnvelope(f"sender {key_id.sender!r} version {key_id.version} is no terminal's key")
    terminal = Terminal.objects.filter(number=key_id.number).first()
    if terminal is None:
        raise UnknownTerminal(key_id.number)
    verify(envelope, domain, bytes(terminal.signing_public))
    if terminal.state == Terminal.State.REVOKED:
        raise_alarm(Alarm.Kind.REVOKED, terminal, domain.name.lower(), now)
        raise RevokedTerminal(terminal.number)
    return terminal
