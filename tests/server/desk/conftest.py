"""A desk station that speaks to the server over HTTP, without a card."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client

from onecard import desk
from onecard.desk import Answer, CardPlaced, Found, JobDone, JobFailed, Next, Recover, Request
from onecard.envelope import terminal_key_id
from onecard.keys import sign
from server.sites.enrol import new_token
from server.sites.models import Terminal

PATHS = {Next: "next", CardPlaced: "card", JobDone: "done", JobFailed: "done", Recover: "recover"}


FIRST_RING = b"".join((counter << 4).to_bytes(3, "big") + bytes(7) + b"\1" * 6 for counter in range(3))
"""Counters 0, 1, 2, nothing debited; the server does not look at the MAC."""


class Station:
    """One enrolled desk station."""

    def __init__(self, client: Client, number: int, keys: desk.KeyRing, signing: bytes, sealing: bytes) -> None:
        self.client = client
        self.number = number
        self.keys = keys
        self.signing = signing
        self.sealing = sealing

    def envelope(self, request: Request) -> bytes:
        """The signed bytes of a request."""
        return desk.pack_request(
            request, terminal_key_id(self.number), lambda message: sign(self.signing, b"", message)
        )

    def post(self, raw: bytes, verb: str):  # type: ignore[no-untyped-def]
        """The HTTP response to these bytes."""
        return self.client.post(f"/desk/v1/{verb}", raw, content_type="application/cbor")

    def ask(self, request: Request) -> Answer:
        """The verified answer."""
        response = self.post(self.envelope(request), PATHS[type(request)])
        assert response.status_code == 200, response.content
        return desk.open_answer(response.content, self.keys, self.number)

    def place(self, job: int, uid: bytes, found: Found = Found.BLANK, ring: bytes = FIRST_RING) -> Answer:
        """Tell of a Classic card on the reader, a card of ours with that ring."""
        return self.ask(CardPlaced(job, uid, 1, found, ring if found is Found.OURS else b""))

    def next_job(self) -> int:
        """The number of the job that is given."""
        order = self.ask(Next())
        assert isinstance(order, desk.Order)
        return order.job


@pytest.fixture
def new_station(client: Client, enrol: Callable[..., object]) -> Callable[[], Station]:
    """Enrols a desk station at WDK."""
    return lambda: _station(client, enrol)


@pytest.fixture
def station(new_station: Callable[[], Station]) -> Station:
    """A desk station at WDK."""
    return new_station()


def _station(client: Client, enrol: Callable[..., object]) -> Station:
    teller = enrol(token=new_token("WDK", Terminal.Work.DESK, datetime.now(UTC)))
    return Station(client, teller.number, teller.identity.keys, teller.signing, teller.sealing)  # type: ignore[attr-defined]
