"""The socket: who may ask, hostile bytes, clients and servers that die."""

from __future__ import annotations

import os
import random
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from onecard import cbor
from server.keyd import wire
from server.keyd.client import KeyProcess, KeyProcessGone
from server.keyd.process import KeyServer, SocketTaken

Serving = Callable[[int], AbstractContextManager[Path]]


def _connect(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(5)
    connection.connect(str(path))
    return connection


def test_a_process_of_another_user_is_hung_up_on(serving: Serving) -> None:
    with serving(os.geteuid() + 1) as path, pytest.raises(KeyProcessGone):
        KeyProcess(path).server_public()


def test_only_the_owner_can_open_the_socket(serving: Serving) -> None:
    with serving(os.geteuid()) as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_hostile_frames_get_one_named_error_and_the_process_lives(serving: Serving) -> None:
    seed = 20
    choice = random.Random(seed)
    frames = [
        (wire.FRAME_MAX + 1).to_bytes(4, "big"),
        b"\xff\xff\xff\xff",
        b"\0\0\0\0",
        b"\0\0\0\1\xa0",
        b"\0\0\0\3\x81\x81\x81",
        *(n.to_bytes(4, "big") + choice.randbytes(n) for n in choice.choices(range(1, 60), k=40)),
    ]
    with serving(os.geteuid()) as path:
        for frame in frames:
            with _connect(path) as connection:
                connection.sendall(frame)
                connection.shutdown(socket.SHUT_WR)
                reply = wire.receive(connection)
                assert reply is not None, f"seed {seed}: {frame.hex()}"
                assert isinstance(wire.results_of(reply), str)
        assert KeyProcess(path).signer_version == 1


@pytest.mark.parametrize(
    "request_items",
    [
        [],
        [0],
        [99],
        [1, 2],
        [2, 5, 0],
        [3, b""],
        [3, b"\xd2" * 200],
        [4, 0, "x", "y", bytes(32)],
        [4, 70_000, "x", "y", bytes(32)],
        [4, 7, "x" * 200, "y", bytes(32)],
        [4, 7, "x", "y", bytes(32)],
        [4, 7, "x", "y", b"short"],
        [5, [], 1, 0],
        [5, [0] * 12, 1, 0],
        [7, bytes(96), bytes(32)],
        [7, b"", b""],
    ],
)
def test_a_request_that_cannot_be_served_is_answered_and_the_connection_goes_on(
    serving: Serving,
    request_items: list[cbor.Value],
) -> None:
    with serving(os.geteuid()) as path, _connect(path) as connection:
        wire.send(connection, request_items)
        reply = wire.receive(connection)
        assert reply is not None
        assert reply[0] == 1
        wire.send(connection, [int(wire.Op.PUBLIC)])
        assert wire.receive(connection) is not None


def test_a_client_that_dies_in_mid_frame_leaves_the_process_serving(serving: Serving) -> None:
    with serving(os.geteuid()) as path:
        for part in (b"", b"\0\0", b"\0\0\1\0half"):
            with _connect(path) as connection:
                connection.sendall(part)
        assert KeyProcess(path).signer_version == 1


def test_a_missing_process_names_the_command_that_starts_it(tmp_path: Path) -> None:
    with pytest.raises(KeyProcessGone, match="onecard keys serve"):
        KeyProcess(tmp_path / "none").server_public()


def test_a_second_process_on_the_socket_is_refused(serving: Serving) -> None:
    with serving(os.geteuid()) as path, pytest.raises(SocketTaken, match="already"):
        KeyServer(path, lambda request: request, os.geteuid())


def test_a_file_that_is_no_socket_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("mine")
    with pytest.raises(SocketTaken):
        KeyServer(path, lambda request: request, os.geteuid())
    assert path.read_text() == "mine"


def test_a_killed_process_starts_again_on_its_socket_and_prints_no_secret(directory: Path) -> None:
    path = directory.parent / "s"
    line = [
        str(Path(sys.executable).with_name("onecard")),
        "keys",
        "serve",
        "--data",
        str(directory),
        "--socket",
        str(path),
    ]
    outputs = []
    for last in (signal.SIGKILL, signal.SIGTERM):
        process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert KeyProcess(path).signer_version == 1
        process.send_signal(last)
        outputs.append(process.communicate(timeout=10)[0])
    assert outputs == ["", "stopped\n"]
    assert process.returncode == 0
    assert not path.exists()
