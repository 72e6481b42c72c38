"""POST /desk/v1/next, /card, /done: envelopes of a desk station in, signed answers out."""

from __future__ import annotations

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from onecard.desk import BadDeskMessage, CardPlaced, JobDone, JobFailed, Next, pack_answer, read_request
from onecard.envelope import BadEnvelope, Domain, open_envelope
from onecard.keys import BadSignature
from server import storage
from server.answers import CBOR, refusal
from server.desk.work import answer
from server.ingest.errors import RevokedTerminal, UnknownTerminal
from server.ingest.receive import signer
from server.keyd.client import KeyProcessGone, KeyProcessRefused
from server.keyring import server_signer
from server.sites.models import Terminal

REQUEST_MAX = 8 << 10
_VERBS = {"next": (Next,), "card": (CardPlaced,), "done": (JobDone, JobFailed)}


@csrf_exempt
@require_POST
def station(request: HttpRequest, verb: str) -> HttpResponse:
    """One question of a station; a text for what is wrong with it."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > REQUEST_MAX:
        return refusal(413, f"a desk message has at most {REQUEST_MAX} bytes")
    try:
        return _answer(request.body, verb)
    except (UnknownTerminal, BadSignature) as error:
        return refusal(401, str(error))
    except RevokedTerminal as error:
        return refusal(403, str(error))
    except (BadEnvelope, BadDeskMessage, KeyProcessRefused) as error:
        return refusal(400, str(error))
    except KeyProcessGone as error:
        return refusal(503, str(error))
    except OperationalError as error:
        if not storage.is_busy(error):
            raise
        return refusal(503, storage.BUSY)


def _answer(raw: bytes, verb: str) -> HttpResponse:
    now = timezone.now()
    envelope = open_envelope(raw)
    desk = signer(envelope, Domain.DESK, now)
    if desk.work != Terminal.Work.DESK:
        return refusal(403, f"terminal {desk.number} is no desk station: enrol one with `onecard server token --desk`")
    asked = read_request(envelope.payload)
    if not isinstance(asked, _VERBS[verb]):
        raise BadDeskMessage(f"it does not belong to /desk/v1/{verb}")
    reply = pack_answer(answer(desk, asked, now), desk.number, *server_signer())
    return HttpResponse(reply, content_type=CBOR)
