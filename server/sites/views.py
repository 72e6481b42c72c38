"""POST /enrol/v1: a new terminal shows its token and keys."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils import timezone

from onecard.enrolment import BadEnrolment
from onecard.keys import BadSignature
from server.answers import machine_post
from server.keyring import key_process
from server.sites.enrol import TokenRefused, enrol

REQUEST_MAX = 16 << 10


@machine_post(
    REQUEST_MAX,
    f"an enrolment request has at most {REQUEST_MAX} bytes",
    {TokenRefused: 403, BadSignature: 403, BadEnrolment: 400},
)
def enrolment(request: HttpRequest) -> bytes:
    """A request envelope in, the sealed answer out; a text for what is wrong."""
    return enrol(request.body, timezone.now(), key_process().enrol)
