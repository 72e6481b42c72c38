"""The line: whom it believes, how much it takes, how long it waits."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from sync_daemon.uplink import BadAuthority, BadUrl, OversizedReply, Rejected, ServerAway, Untrusted, Uplink
from tests.sync_daemon.keys import write_authority
from tests.sync_daemon.peer import Line, reply


@pytest.mark.parametrize(
    "url", ["http://a.example", "a.example", "https://", "https://a/b", "https://a/?q", "https://u@a", "https://a:b"]
)
def test_only_a_plain_https_address_is_taken(url: str, authority: tuple[Path, Path]) -> None:
    with pytest.raises(BadUrl, match="https://host or https://host:port is allowed"):
        Uplink(url, authority[0])


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_an_unusable_ca_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadAuthority, match=r"ca\.pem: .*; copy the centre's ca\.pem there"):
        Uplink("https://127.0.0.1", file)


def test_a_server_of_another_authority_is_refused(tmp_path: Path, line: Line) -> None:
    other, _ = write_authority(tmp_path)
    with pytest.raises(Untrusted, match=r"is not vouched for by .*ca\.pem"):
        Uplink(line.url, other).post("/sync/v1/bundle", b"secret")
    assert line.connections == 0


def test_a_server_under_another_name_is_refused(line: Line, authority: tuple[Path, Path]) -> None:
    port = line.url.rpartition(":")[2]
    with pytest.raises(Untrusted):
        Uplink(f"https://localhost:{port}", authority[0]).post("/", b"")


def test_the_systems_own_authorities_are_not_believed(authority: tuple[Path, Path]) -> None:
    context = Uplink("https://127.0.0.1", authority[0])._pool.conn_kw["ssl_context"]
    assert context.cert_store_stats() == {"x509": 1, "crl": 0, "x509_ca": 1}


def test_a_silent_server_is_not_waited_for_for_ever(authority: tuple[Path, Path]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uplink = Uplink(f"https://127.0.0.1:{silent.getsockname()[1]}", authority[0], connect_seconds=0.2)
        with pytest.raises(ServerAway, match="records are kept meanwhile"):
            uplink.post("/", b"")


def test_a_server_that_never_answers_is_not_waited_for_for_ever(line: Line, authority: tuple[Path, Path]) -> None:
    answer_now = threading.Event()

    def dawdle(handler: BaseHTTPRequestHandler, answer: object) -> tuple[int, bytes]:
        answer_now.wait(5)
        return 200, b""

    line.peer.faults.append(dawdle)
    with pytest.raises(ServerAway):
        Uplink(line.url, authority[0], read_seconds=0.2).post("/", b"")
    answer_now.set()


def test_nobody_listening_is_named(line: Line, authority: tuple[Path, Path]) -> None:
    line.down()
    with pytest.raises(ServerAway, match="check the network line"):
        Uplink(line.url, authority[0]).post("/", b"")


def test_a_reply_is_read_no_further_than_its_limit(line: Line, authority: tuple[Path, Path]) -> None:
    uplink = Uplink(line.url, authority[0])
    line.peer.faults.extend([reply(200, bytes((16 << 20) + 1)), reply(200, bytes(16 << 20)), reply(200, b"ok")])
    with pytest.raises(OversizedReply):
        uplink.post("/", b"")
    assert len(uplink.post("/", b"")) == 16 << 20
    assert uplink.post("/", b"") == b"ok"


def test_a_servers_reason_is_shown_without_its_control_characters(line: Line, authority: tuple[Path, Path]) -> None:
    line.peer.faults.append(reply(403, b"revoked\x1b[31m\n" + b"x" * 500))
    with pytest.raises(Rejected) as caught:
        Uplink(line.url, authority[0]).post("/sync/v1/bundle", b"")
    assert caught.value.status == 403
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_redirect_is_not_followed(line: Line, authority: tuple[Path, Path]) -> None:
    def redirect(handler: BaseHTTPRequestHandler, answer: object) -> None:
        handler.send_response(307)
        handler.send_header("Location", "/elsewhere")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    line.peer.faults.extend([redirect, reply(200, b"from elsewhere")])
    with pytest.raises(Rejected) as caught:
        Uplink(line.url, authority[0]).post("/", b"")
    assert caught.value.status == 307


def test_one_connection_serves_many_requests(line: Line, authority: tuple[Path, Path]) -> None:
    uplink = Uplink(line.url, authority[0])
    line.peer.faults.extend([reply(200, b"1"), reply(503, b"2"), reply(200, b"3")])
    assert uplink.post("/", b"") == b"1"
    with pytest.raises(Rejected):
        uplink.post("/", b"")
    assert uplink.post("/", b"") == b"3"
    assert line.connections == 1
