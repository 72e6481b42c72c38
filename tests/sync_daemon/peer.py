"""A small management centre that really answers: HTTPS on loopback, onecard's own functions, faults on request.

It keeps records by name, walks the chain, acknowledges the contiguous prefix. What it does not model: quarantine,
ledger, several sites. Faults in `faults` are taken one a request.
"""

from __future__ import annotations

import ssl
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeAlias

from onecard import downlink, enrolment
from onecard.bundle import Run, unpack
from onecard.downlink import Acknowledgement
from onecard.envelope import Domain, open_envelope, verify
from onecard.identity import RecordName
from onecard.journal.frame import chain_tag, first_tag
from tests.sync_daemon.keys import CHAIN_KEY, SEAL_PRIVATE, TERMINAL, server_sign, terminal_identity

Answer: TypeAlias = "tuple[int, bytes]"
Fault: TypeAlias = "Callable[[BaseHTTPRequestHandler, Callable[[], Answer]], Answer | None]"
"""Given the request and what would answer it; None when it has dealt with the connection itself."""


def cut_request(handler: BaseHTTPRequestHandler, answer: Callable[[], Answer]) -> None:
    """The line breaks before the server has the bundle."""
    handler.connection.close()
    handler.close_connection = True


def cut_reply(handler: BaseHTTPRequestHandler, answer: Callable[[], Answer]) -> None:
    """The server does its work, and the line breaks in the middle of its reply."""
    status, body = answer()
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.wfile.flush()
    handler.connection.close()
    handler.close_connection = True


def reply(status: int, body: bytes) -> Fault:
    """Answers that, without doing anything."""
    return lambda handler, answer: (status, body)


@dataclass
class Peer:
    """What the centre knows, and how it misbehaves next."""

    signing_public: bytes
    generation: int = 1
    faults: deque[Fault] = field(default_factory=deque)
    downlinks: list[bytes] = field(default_factory=list)
    tokens: dict[str, bytes | None] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    records: dict[RecordName, tuple[int, bytes]] = field(default_factory=dict)
    tags: dict[int, bytes] = field(default_factory=lambda: {0: first_tag(CHAIN_KEY, TERMINAL)})
    _waiting: dict[int, tuple[int, bytes]] = field(default_factory=dict)  # behind a gap
    repeated: int = 0
    forks: int = 0

    @property
    def received(self) -> int:
        """End of the contiguous prefix."""
        return max(self.tags)

    def forget_above(self, sequence: int) -> None:
        """The backup that is put back knows nothing above `sequence`."""
        self.tags = {s: tag for s, tag in self.tags.items() if s <= sequence}
        self.records = {name: record for name, record in self.records.items() if name.sequence <= sequence}
        self._waiting.clear()

    def acknowledgement(self, **changed: int | bytes) -> bytes:
        """The envelope of what it acknowledges now, or of a lie."""
        at, tag = self.received, self.tags[self.received]
        words = {
            "terminal": TERMINAL,
            "received": at,
            "received_tag": tag,
            "safe": at,
            "safe_tag": tag,
            "generation": self.generation,
            "server_at": 0,
        }
        return downlink.pack_acknowledgement(Acknowledgement(**(words | changed)), 1, server_sign)  # type: ignore[arg-type]

    def answer(self, path: str, body: bytes) -> Answer:
        """The product's contract, in small."""
        if path == "/enrol/v1":
            return self._enrol(body)
        envelope = open_envelope(body)
        verify(envelope, Domain.BUNDLE, self.signing_public)
        run = unpack(envelope, SEAL_PRIVATE)
        assert run.chain_holds(CHAIN_KEY)
        self.runs.append(run)
        for name, kind, payload in run.named():
            self._store(name, kind, payload)
        return 200, downlink.pack_reply(self.acknowledgement(), self.downlinks)

    def _store(self, name: RecordName, kind: int, payload: bytes) -> None:
        if name in self.records:
            self.repeated += 1
            self.forks += self.records[name] != (kind, payload)
            return
        self.records[name] = kind, payload
        self._waiting[name.sequence] = kind, payload
        while (sequence := self.received + 1) in self._waiting:
            kind, payload = self._waiting.pop(sequence)
            self.tags[sequence] = chain_tag(CHAIN_KEY, self.tags[sequence - 1], kind, sequence, payload)

    def _enrol(self, body: bytes) -> Answer:
        envelope = open_envelope(body)
        request = enrolment.read_request(envelope)
        verify(envelope, Domain.ENROLMENT, request.signing_public)
        if self.tokens.get(request.token, b"") not in (None, request.signing_public):
            return 403, b"token unknown, used or expired"
        self.tokens[request.token] = self.signing_public = request.signing_public
        return 200, enrolment.pack_answer(terminal_identity(), request.sealing_public, 1, server_sign)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        peer = self.server.peer
        self.server.connections.add(self.client_address)

        def proper() -> Answer:
            with self.server.turn:
                return peer.answer(self.path, body)

        answer = peer.faults.popleft()(self, proper) if peer.faults else proper()
        if answer is None:
            return
        status, content = answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, peer: Peer, context: ssl.SSLContext) -> None:
        self.peer = peer
        self.turn = threading.Lock()
        self.connections: set[tuple[str, int]] = set()
        super().__init__(("127.0.0.1", port), _Handler)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: object, client_address: object) -> None:
        """A broken line is what many tests want; it is seen at the other end."""


class Line:
    """A peer's address, up or down."""

    def __init__(self, peer: Peer, certificate: Path) -> None:
        self.peer = peer
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._server: _Server | None = None
        self._port = 0
        self.up()

    @property
    def url(self) -> str:
        """Where it answers, also while it is down."""
        return f"https://127.0.0.1:{self._port}"

    @property
    def connections(self) -> int:
        """How many were made since it is up."""
        assert self._server is not None
        return len(self._server.connections)

    def up(self) -> None:
        """Listens; on the same port as before."""
        self._server = _Server(self._port, self.peer, self._context)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        """Nobody listens."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
