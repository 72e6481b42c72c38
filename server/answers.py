"""Answers to machines: CBOR when it went well, a plain text for the technician when it did not."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Concatenate, ParamSpec

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from onecard.envelope import BadEnvelope
from onecard.errors import OnecardError
from server import storage
from server.keyd.client import KeyProcessGone, KeyProcessRefused

CBOR = "application/cbor"

P = ParamSpec("P")
Work = Callable[Concatenate[HttpRequest, P], bytes]
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def machine_post(
    largest: int, too_large: str, refusals: Mapping[type[OnecardError], int]
) -> Callable[[Work[P]], View[P]]:
    """A view for signed envelopes, made of a function that gives the answer's bytes.

    A body above `largest` bytes is refused with the text `too_large`. An error gets the status of the first class in
    `refusals` that it is of; what every such view can meet (an envelope that is none, the key process, a busy database)
    has its own.
    """
    statuses = {**refusals, BadEnvelope: 400, KeyProcessRefused: 400, KeyProcessGone: 503}

    def made(work: Work[P]) -> View[P]:
        @csrf_exempt
        @require_POST
        @functools.wraps(work)
        def view(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if int(request.META.get("CONTENT_LENGTH") or 0) > largest:
                return refusal(413, too_large)
            try:
                return HttpResponse(work(request, *args, **kwargs), content_type=CBOR)
            except OnecardError as error:
                status = next((status for kind, status in statuses.items() if isinstance(error, kind)), None)
                if status is None:
                    raise
                return refusal(status, str(error))
            except OperationalError as error:
                if not storage.is_busy(error):
                    raise
                return refusal(503, storage.BUSY)

        return view

    return made


def refusal(status: int, why: str) -> HttpResponse:
    """A plain text that says what is wrong."""
    return HttpResponse(why + "\n", status=status, content_type="text/plain; charset=utf-8")
