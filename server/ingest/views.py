"""POST /sync/v1/bundle: the one address that terminals, laptops and sticks send records to.
POST /sync/v1/roster: what a laptop must know to tell their bundles from others. It is no secret."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils import timezone

from onecard.bundle import BadBundle
from onecard.envelope import MAX_SIZE
from onecard.keys import BadSignature
from server.answers import machine_post
from server.ingest.answer import answer
from server.ingest.errors import RevokedTerminal, UnknownTerminal
from server.ingest.receive import receive
from server.ingest.roster import signed_roster
from server.ledger.wake import wake_poster


@machine_post(
    MAX_SIZE,
    f"a bundle has at most {MAX_SIZE} bytes: send fewer records at once",
    {UnknownTerminal: 401, BadSignature: 401, RevokedTerminal: 403, BadBundle: 400},
)
def bundle(request: HttpRequest) -> bytes:
    """A bundle's envelope in, the reply of acknowledgement and downlinks out; a text for what is wrong."""
    now = timezone.now()
    received = receive(request.body, now)
    reply = answer(received, now)
    if received.stored.added:
        wake_poster()
    return reply


@machine_post(0, "a roster is asked for with nothing", {})
def roster(request: HttpRequest) -> bytes:
    """Nothing in, the signed roster out."""
    return signed_roster(timezone.now())
