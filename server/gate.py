"""The door of the web process: a request takes a thread only when all of its body is here.

granian ends a connection whose headers do not come, and waits for a body as long as it likes. So bodies are read here,
on the event loop, where a sender that stops halfway costs a socket and what it sent, and no thread:

- at most `BODY_MAX` bytes a request (413) within `BODY_SECONDS` (408), and `HELD_MAX` bytes of all bodies (503);
- then Django's WSGI application runs in one of `THREADS` threads, which live as long as the process: each keeps its
  database connection. What waits for a thread is bounded by granian's own limit of requests at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol
from wsgiref.types import WSGIApplication

from granian.rsgi import ProtocolClosed, Scope  # type: ignore[attr-defined] # granian marks no re-exports

from onecard.envelope import MAX_SIZE as BODY_MAX
from server.environment import environment_of

BODY_SECONDS = 30.0
HELD_MAX = 32 * BODY_MAX
THREADS = 4

Headers = list[tuple[str, str]]
Answer = tuple[int, Headers, bytes]


class Exchange(Protocol):
    """What of granian's `HTTPProtocol` is used: the body's pieces, and the one answer."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The body's pieces."""

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        """Send the answer."""


class Gate:
    """The RSGI application around a WSGI one."""

    def __init__(self, application: WSGIApplication, body_seconds: float = BODY_SECONDS) -> None:
        """`application` is called in threads of this gate's own."""
        self._application = application
        self._body_seconds = body_seconds
        self._held = 0
        self._threads = ThreadPoolExecutor(THREADS, "web")

    async def __rsgi__(self, scope: Scope, exchange: Exchange) -> None:
        """One request."""
        body = bytearray()
        try:
            answer = await asyncio.wait_for(self._receive(scope, exchange, body), self._body_seconds)
            if answer is None:
                loop = asyncio.get_running_loop()
                answer = await loop.run_in_executor(self._threads, self._run, scope, bytes(body))
        except TimeoutError:
            answer = _refusal(408, f"the body did not come within {self._body_seconds:.0f} seconds: send it again")
        except ProtocolClosed:
            return  # the sender went away: there is nobody to tell
        finally:
            self._held -= len(body)
        exchange.response_bytes(*answer)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """The worker ends: let the threads finish what they do."""
        self._threads.shutdown()

    async def _receive(self, scope: Scope, exchange: Exchange, body: bytearray) -> Answer | None:
        async for piece in exchange:
            body += piece
            self._held += len(piece)
            if len(body) > BODY_MAX:
                return _refusal(413, f"at most {BODY_MAX} bytes are taken: send less at once")
            if self._held > HELD_MAX:
                return _refusal(503, "too much is being sent at this moment: send it again")
        if int(scope.headers.get("content-length", len(body))) != len(body):
            raise ProtocolClosed  # the line broke: half a form may read as a smaller amount
        return None

    def _run(self, scope: Scope, body: bytes) -> Answer:
        begun: list[tuple[int, Headers]] = []

        def start(status: str, headers: Headers, failure: object = None, /) -> Any:
            begun[:] = [(int(status[:3]), headers)]

        parts: Iterable[bytes] = self._application(environment_of(scope, body), start)
        try:
            return *begun[0], b"".join(parts)
        finally:
            if hasattr(parts, "close"):  # PEP 3333: an application's answer may have it
                parts.close()


def _refusal(status: int, why: str) -> Answer:
    return status, [("content-type", "text/plain; charset=utf-8"), ("connection", "close")], f"{why}\n".encode()
