"""POST /sync/v1/bundle: the one address that terminals, laptops and sticks send records to."""

from __future__ import annotations

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from onecard.bundle import BadBundle
from onecard.envelope import MAX_SIZE, BadEnvelope
from onecard.keys import BadSignature
from server import storage
from server.answers import CBOR, refusal
from server.ingest.answer import answer
from server.ingest.errors import RevokedTerminal, UnknownTerminal
from server.ingest.receive import receive
from server.keyd.client import KeyProcessGone, KeyProcessRefused
from server.ledger.wake import wake_poster


@csrf_exempt
@require_POST
def bundle(request: HttpRequest) -> HttpResponse:
    """A bundle's envelope in, the reply of acknowledgement and downlinks out; a text for what is wrong."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_SIZE:
        return refusal(413, f"a bundle has at most {MAX_SIZE} bytes: send fewer records at once")
    now = timezone.now()
    try:
        received = receive(request.body, now)
        reply = answer(received, now)
    except (UnknownTerminal, BadSignature) as error:
        return refusal(401, str(error))
    except RevokedTerminal as error:
        return refusal(403, str(error))
    except (BadEnvelope, BadBundle, KeyProcessRefused) as error:
        return refusal(400, str(error))
    except KeyProcessGone as error:
        return refusal(503, str(error))
    except OperationalError as error:
        if not storage.is_busy(error):
            raise
        return refusal(503, storage.BUSY)
    if received.stored.added:
        wake_poster()
    return HttpResponse(reply, content_type=CBOR)
