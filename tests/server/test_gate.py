"""The web process's door: who sends half a body holds up nobody."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse

import pytest
from granian.rsgi import ProtocolClosed

from onecard.envelope import MAX_SIZE
from server.environment import environment_of
from server.gate import HELD_MAX, THREADS, Gate
from tests.server.test_run import Running, data, enrolled, onecard  # noqa: F401 - `data` is the fixture

STUCK = 5 * THREADS


class Sender:
    """The other end, in memory: pieces of a body, then the end, silence or a broken line."""

    def __init__(self, *pieces: bytes, silent: bool = False, broken: bool = False) -> None:
        self.pieces, self.silent, self.broken = pieces, silent, broken
        self.heard: tuple[int, bytes] | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        if self.silent:
            await asyncio.Event().wait()
        if self.broken:
            raise ProtocolClosed

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.heard = status, body


@dataclass
class Headers:
    lines: tuple[tuple[str, str], ...]

    def get(self, name: str, default: object = None) -> object:
        return dict(self.lines).get(name, default)

    def items(self) -> list[tuple[str, str]]:
        return list(self.lines)


class Head:
    """A request's head, as granian gives it."""

    method, path, query_string, scheme, http_version = "POST", "/片", "a=%20", "https", "1.1"
    server, client = "127.0.0.1:8443", "10.0.0.7:4000"

    def __init__(self, *lines: tuple[str, str], authority: str | None = None) -> None:
        self.headers, self.authority = Headers(lines), authority


def echo(environment: dict[str, Any], start: StartResponse) -> list[bytes]:
    """A WSGI application that answers with the body."""
    start("200 OK", [])
    return [environment["wsgi.input"].read()]


async def at(gate: Gate, sender: Sender, *lines: tuple[str, str]) -> tuple[int, bytes] | None:
    """What the sender hears."""
    await gate.__rsgi__(Head(*lines), sender)  # type: ignore[arg-type]
    return sender.heard


def test_a_body_that_stops_halfway_is_answered_408_and_forgotten() -> None:
    gate = Gate(echo, body_seconds=0.05)
    assert asyncio.run(at(gate, Sender(b"half", silent=True))) == (
        408,
        b"the body did not come within 0 seconds: send it again\n",
    )
    full = [b"\0" * MAX_SIZE] * (HELD_MAX // MAX_SIZE)

    async def many() -> list[tuple[int, bytes] | None]:
        return await asyncio.gather(*(at(gate, Sender(body)) for body in full))

    assert {heard[0] for heard in asyncio.run(many()) if heard} == {200}


def test_a_body_beyond_the_limit_is_refused_before_it_has_all_come() -> None:
    heard = asyncio.run(at(Gate(echo), Sender(b"\0" * MAX_SIZE, b"\0", silent=True)))
    assert heard is not None
    assert heard[0] == 413


def test_all_bodies_together_have_a_limit() -> None:
    async def crowd() -> tuple[int, bytes] | None:
        gate = Gate(echo)
        held = [
            asyncio.create_task(at(gate, Sender(b"\0" * MAX_SIZE, silent=True))) for _ in range(HELD_MAX // MAX_SIZE)
        ]
        await asyncio.sleep(0.05)
        heard = await at(gate, Sender(b"one more"))
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        assert await at(gate, Sender(b"afterwards")) == (200, b"afterwards")
        return heard

    heard = asyncio.run(crowd())
    assert heard is not None
    assert heard[0] == 503


def test_a_sender_that_goes_away_is_told_nothing() -> None:
    assert asyncio.run(at(Gate(echo), Sender(b"half", broken=True))) is None


def test_half_a_body_is_never_taken_for_a_whole_one() -> None:
    assert asyncio.run(at(Gate(echo), Sender(b"amount=10"), ("content-length", "11"))) is None
    assert asyncio.run(at(Gate(echo), Sender(b"amount=10"), ("content-length", "9"))) == (200, b"amount=10")


def test_a_header_with_an_underscore_poses_as_no_other() -> None:
    head = Head(("x_forwarded_for", "1"), ("cookie", "a=1"), ("cookie", "b=2"), ("content-length", "9"))
    environment = environment_of(head, b"abc")  # type: ignore[arg-type]
    assert not any("FORWARDED" in name for name in environment)
    assert environment["HTTP_COOKIE"] == "a=1; b=2"
    assert environment["CONTENT_LENGTH"] == "3"
    assert environment["PATH_INFO"].encode("latin-1").decode() == "/片"
    assert environment["REMOTE_ADDR"] == "10.0.0.7"


def test_http_2_names_the_host_outside_the_headers() -> None:
    assert environment_of(Head(authority="localhost:1"), b"")["HTTP_HOST"] == "localhost:1"  # type: ignore[arg-type]


@pytest.fixture
def running(data: Path) -> Iterator[Running]:  # noqa: F811
    onecard("server", "init", "--data", str(data))
    server = Running(data)
    yield server
    server.stop()


def test_stuck_bodies_hold_up_no_page_and_no_bundle(running: Running, make_teller: Callable[..., Any]) -> None:
    teller = enrolled(running, make_teller)
    with contextlib.ExitStack() as stack:
        for _ in range(STUCK):
            stack.enter_context(half_a_bundle(running))
        began = time.monotonic()
        connection = http.client.HTTPSConnection("127.0.0.1", running.port, context=running.context, timeout=5)
        for path in ("/login/", "/log%69n/", "/static/pages/site.css"):
            connection.request("GET", path)
            response = connection.getresponse()
            assert response.status == 200
            assert len(response.read()) == int(response.headers["Content-Length"])
        connection.close()
        assert running.post("/sync/v1/bundle", teller.bundle())
        assert time.monotonic() - began < 2


def test_more_than_a_bundle_is_refused_by_the_running_server(running: Running) -> None:
    connection = http.client.HTTPSConnection("127.0.0.1", running.port, context=running.context, timeout=5)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
        connection.request("POST", "/sync/v1/bundle", bytes(MAX_SIZE + 1))
    assert connection.getresponse().status == 413
    connection.close()


def test_stuck_bodies_do_not_hold_up_the_end(data: Path) -> None:  # noqa: F811
    onecard("server", "init", "--data", str(data))
    server = Running(data)
    with half_a_bundle(server):
        began = time.monotonic()
        assert server.stop()[0] == 0
        assert time.monotonic() - began < 9


def half_a_bundle(running: Running) -> ssl.SSLSocket:
    """A connection that has sent ten of eight million bytes, and waits."""
    raw = socket.create_connection(("127.0.0.1", running.port), 5)
    stuck = running.context.wrap_socket(raw, server_hostname="127.0.0.1")
    stuck.sendall(b"POST /sync/v1/bundle HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8000000\r\n\r\n0123456789")
    return stuck
