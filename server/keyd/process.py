"""The key process's socket: one thread a connection, only for processes of the same user."""

from __future__ import annotations

import contextlib
import os
import socket
import socketserver
import stat
import struct
import threading
from collections.abc import Callable
from pathlib import Path

from onecard import cbor
from onecard.errors import OnecardError
from server.keyd import wire

Answer = Callable[[list[cbor.Value]], list[cbor.Value]]

CONNECTIONS_MAX = 64
IDLE_SECONDS = 60.0
"""A connection that says nothing for so long is closed."""


class SocketTaken(OnecardError):
    """The socket's path cannot be used."""

    def __init__(self, path: Path, why: str) -> None:
        self.path = path
        super().__init__(f"{path}: {why}")


class KeyServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Serves `answer` on a socket only its own user can open."""

    daemon_threads = True
    request_queue_size = CONNECTIONS_MAX

    def __init__(self, path: Path, answer: Answer, allowed_uid: int) -> None:
        """Bind to `path` (mode 0600). `allowed_uid` is who may ask. Raises `SocketTaken`."""
        self.answer = answer
        self._allowed_uid = allowed_uid
        self._places = threading.BoundedSemaphore(CONNECTIONS_MAX)
        _clear(path)
        before = os.umask(0o177)
        try:
            super().__init__(str(path), _Connection)
        except OSError as error:
            raise SocketTaken(path, f"{error.strerror or error}: choose another path with --socket") from error
        finally:
            os.umask(before)

    def verify_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> bool:
        """Whether the process at the other end belongs to the allowed user, and there is room for it."""
        assert isinstance(request, socket.socket)
        credentials = request.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _, uid, _ = struct.unpack("3i", credentials)
        return bool(uid == self._allowed_uid) and self._places.acquire(blocking=False)

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Serve one connection and give its place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()


class _Connection(socketserver.BaseRequestHandler):
    server: KeyServer
    request: socket.socket

    def handle(self) -> None:
        self.request.settimeout(IDLE_SECONDS)
        try:
            while (request := wire.receive(self.request)) is not None:
                try:
                    results = self.server.answer(request)
                except OnecardError as error:
                    wire.send(self.request, wire.failed(error))
                else:
                    wire.send(self.request, wire.done(results))
        except wire.BadFrame as error:
            with contextlib.suppress(OSError):
                wire.send(self.request, wire.failed(error))
        except OSError:
            pass  # the client died or fell silent: there is nobody to tell


def _clear(path: Path) -> None:
    """Remove the socket of a process that is no more."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SocketTaken(path, "something that is no socket lies there: choose another path with --socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink()
            return
    raise SocketTaken(path, "a key process is serving there already: stop it first")
