"""Answers to machines: CBOR when it went well, a plain text for the technician when it did not."""

from __future__ import annotations

from django.http import HttpResponse

CBOR = "application/cbor"


def refusal(status: int, why: str) -> HttpResponse:
    """A plain text that says what is wrong."""
    return HttpResponse(why + "\n", status=status, content_type="text/plain; charset=utf-8")
