"""POST /desk/v1/next, /card, /done, /recover: envelopes of a desk station in, signed answers out."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils import timezone

from onecard.desk import BadDeskMessage, CardPlaced, JobDone, JobFailed, Next, Recover, pack_answer, read_request
from onecard.envelope import Domain, open_envelope
from onecard.errors import OnecardError
from onecard.keys import BadSignature
from server.answers import machine_post
from server.desk.work import answer
from server.ingest.errors import RevokedTerminal, UnknownTerminal
from server.ingest.receive import signer
from server.keyring import server_signer
from server.sites.models import Terminal

REQUEST_MAX = 8 << 10
_VERBS = {"next": (Next,), "card": (CardPlaced,), "done": (JobDone, JobFailed), "recover": (Recover,)}


class NoDesk(OnecardError):
    """A terminal that is no desk station asks for a desk's work."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"terminal {number} is no desk station: enrol one with `onecard server token --desk`")


@machine_post(
    REQUEST_MAX,
    f"a desk message has at most {REQUEST_MAX} bytes",
    {UnknownTerminal: 401, BadSignature: 401, RevokedTerminal: 403, NoDesk: 403, BadDeskMessage: 400},
)
def station(request: HttpRequest, verb: str) -> bytes:
    """One question of a station; a text for what is wrong with it."""
    now = timezone.now()
    envelope = open_envelope(request.body)
    desk = signer(envelope, Domain.DESK, now)
    if desk.work != Terminal.Work.DESK:
        raise NoDesk(desk.number)
    asked = read_request(envelope.payload)
    if not isinstance(asked, _VERBS[verb]):
        raise BadDeskMessage(f"it does not belong to /desk/v1/{verb}")
    return pack_answer(answer(desk, asked, now), desk.number, *server_signer())
