"""POST /enrol/v1: a new terminal shows its token and keys."""

from __future__ import annotations

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from onecard.enrolment import BadEnrolment
from onecard.envelope import BadEnvelope
from onecard.keys import BadSignature
from server import storage
from server.answers import CBOR, refusal
from server.keyd.client import KeyProcessGone, KeyProcessRefused
from server.keyring import key_process
from server.sites.enrol import TokenRefused, enrol

REQUEST_MAX = 16 << 10


@csrf_exempt
@require_POST
def enrolment(request: HttpRequest) -> HttpResponse:
    """A request envelope in, the sealed answer out; a text for what is wrong."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > REQUEST_MAX:
        return refusal(413, f"an enrolment request has at most {REQUEST_MAX} bytes")
    try:
        reply = enrol(request.body, timezone.now(), key_process().enrol)
    except (TokenRefused, BadSignature) as error:
        return refusal(403, str(error))
    except (BadEnvelope, BadEnrolment, KeyProcessRefused) as error:
        return refusal(400, str(error))
    except KeyProcessGone as error:
        return refusal(503, str(error))
    except OperationalError as error:
        if not storage.is_busy(error):
            raise
        return refusal(503, storage.BUSY)
    return HttpResponse(reply, content_type=CBOR)
