"""Letting a terminal in: the one-time token, and the answer that carries its number and keys.

The same request with the same keys is answered again, so that a lost answer costs nothing: the answer is sealed to
the terminal's own key. A token that let one pair of keys in lets no other in, and none after its quarter of an hour.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from onecard.enrolment import Request, read_request
from onecard.envelope import BadEnvelope, Domain, open_envelope, verify
from onecard.errors import OnecardError
from onecard.identity import TERMINAL_NUMBER_MAX
from server.sites import enrolled
from server.sites.enrolled import Enrolled
from server.sites.models import EnrolmentToken, Site, Terminal

TOKEN_LIFE = timedelta(minutes=15)
_TOKEN_BYTES = 8

Answerer = Callable[[int, str, str, bytes], bytes]
"""(number, site code, site name, X25519 public key) → answer envelope; the key process's `enrol`."""


class TokenRefused(OnecardError):
    """The token does not let this terminal in."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"the enrolment token {why}: ask for a new one with `onecard server token`")


class UnknownSite(OnecardError):
    """No cinema has this code."""

    def __init__(self, code: str) -> None:
        self.code = code
        known = ", ".join(Site.objects.values_list("code", flat=True))
        super().__init__(f"no cinema has the code {code!r}; the codes are {known}")


class NoSuchTerminal(OnecardError):
    """No terminal has this number."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"no terminal has the number {number}: the page /terminals/ lists them")


def new_token(site_code: str, work: Terminal.Work, now: datetime) -> str:
    """A fresh token's text, 16 hex digits, good for 15 minutes and one terminal. Raises `UnknownSite`."""
    site = Site.objects.filter(code=site_code).first()
    if site is None:
        raise UnknownSite(site_code)
    text = secrets.token_hex(_TOKEN_BYTES)
    EnrolmentToken.objects.create(digest=_digest(text), site=site, work=work, expires_at=now + TOKEN_LIFE)
    return text


def revoke_terminal(number: int) -> None:
    """Believe the terminal no longer. Raises `NoSuchTerminal`."""
    if not Terminal.objects.filter(number=number).update(state=Terminal.State.REVOKED):
        raise NoSuchTerminal(number)


def enrol(raw: bytes, now: datetime, answerer: Answerer) -> bytes:
    """The answer envelope to the bytes of a request.

    Raises `BadEnvelope`, `BadSignature`, `BadEnrolment`, `TokenRefused`, and what `answerer` raises.
    """
    envelope = open_envelope(raw)
    if envelope.key_id.sender != b"T" or envelope.key_id.number != 0:
        raise BadEnvelope("an enrolment request is signed as terminal 0")
    request = read_request(envelope)
    verify(envelope, Domain.ENROLMENT, request.signing_public)
    with transaction.atomic():
        terminal = _admitted(request, now)
    site = terminal.site
    return answerer(terminal.number, site.code, site.name_zh, request.sealing_public)


def _admitted(request: Request, now: datetime) -> Terminal:
    token = EnrolmentToken.objects.select_for_update().filter(digest=_digest(request.token)).first()
    if token is None:
        raise TokenRefused("is not known")
    terminal = token.terminal
    if terminal is not None:
        same = (bytes(terminal.signing_public), bytes(terminal.sealing_public)) == (
            request.signing_public,
            request.sealing_public,
        )
        if not same or terminal.state != Terminal.State.ACTIVE:
            raise TokenRefused("was used already")
        return terminal
    if token.expires_at <= now:
        raise TokenRefused("has expired")
    if Terminal.objects.filter(signing_public=request.signing_public).exists():
        raise TokenRefused("comes with the key of a terminal enrolled before; a terminal makes new keys")
    terminal = Terminal(
        number=_next_number(),
        site=token.site,
        work=token.work,
        signing_public=request.signing_public,
        sealing_public=request.sealing_public,
        software=request.software,
        enrolled_at=now,
    )
    _list(terminal)
    terminal.save(force_insert=True)
    token.terminal = terminal
    token.save(update_fields=("terminal",))
    return terminal


def _list(terminal: Terminal) -> None:
    enrolled.append(
        settings.ENROLLED_FILE,
        Enrolled(
            number=terminal.number,
            site=terminal.site_id,
            work=terminal.work,
            signing_public=bytes(terminal.signing_public).hex(),
            sealing_public=bytes(terminal.sealing_public).hex(),
            software=terminal.software,
            enrolled_at=int(terminal.enrolled_at.timestamp()),
        ),
    )


def _next_number() -> int:
    """A number never given before, in no life of the database (P-R7); the token's lock and the primary key keep two
    from taking the same."""
    listed = (terminal.number for terminal in enrolled.read(settings.ENROLLED_FILE))
    last: int = max(Terminal.objects.aggregate(last=Max("number"))["last"] or 0, *listed, 0)
    if last == TERMINAL_NUMBER_MAX:
        raise TokenRefused("cannot be used, all terminal numbers are spent")
    return last + 1


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.strip().encode()).digest()
