"""A terminal becomes known: keys made here, durable before the first request, made once."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from onecard.enrolment import BadEnrolment, Identity, decode_identity, open_keys, pack_answer, read_request
from onecard.envelope import open_envelope
from onecard.errors import OnecardError
from onecard.keys import BadSignature, KeyRing, Role
from onecard.sealing import BadSeal
from sync_daemon.enrolment import AlreadyEnrolled, enrol
from sync_daemon.uplink import Rejected, ServerAway, Uplink
from tests.sync_daemon.keys import TERMINAL, ed25519_public, server_sign, terminal_identity, x25519_public
from tests.sync_daemon.peer import Line, cut_reply, cut_request
from tools.cli import onecard

TOKEN = "7Q2MK4X9PBA3C5DZ"
BOARD = b"10000000abcdef01"


def by(line: Line, authority: tuple[Path, Path]) -> Callable[[bytes], bytes]:
    uplink = Uplink(line.url, authority[0])
    return lambda body: uplink.post("/enrol/v1", body)


def command(line: Line, authority: tuple[Path, Path], data: Path, token: str = TOKEN) -> Result:
    options = ["--server", line.url, "--ca", str(authority[0]), "--token", token, "--data", str(data)]
    return CliRunner().invoke(onecard, ["terminal", "enrol", *options])


def answering(identity: Identity, sealing_public: bytes | None = None) -> Callable[[bytes], bytes]:
    def post(body: bytes) -> bytes:
        request = read_request(open_envelope(body))
        return pack_answer(identity, sealing_public or request.sealing_public, 1, server_sign)

    return post


def changed(**keys: tuple[Role, bytes | None]) -> Identity:
    """Terminal 17's identity with one key another, or missing."""
    identity = terminal_identity()
    held = dict(identity.keys.held)
    for role, key in keys.values():
        del held[role, 1]
        if key is not None:
            held[role, 1] = key
    return dataclasses.replace(identity, keys=KeyRing(held))


def test_an_unknown_token_enrols_nothing(tmp_path: Path, line: Line, authority: tuple[Path, Path]) -> None:
    with pytest.raises(Rejected, match=r"403 .token unknown, used or expired"):
        enrol(tmp_path / "data", TOKEN, "1", by(line, authority), os.urandom, board=BOARD)
    assert not (tmp_path / "data" / "identity").exists()


def test_a_wrong_token_can_be_put_right(tmp_path: Path, line: Line, authority: tuple[Path, Path]) -> None:
    line.peer.tokens[TOKEN] = None
    assert command(line, authority, tmp_path / "data", "WRONG").exit_code == 1
    assert command(line, authority, tmp_path / "data").exit_code == 0


@pytest.mark.parametrize("fault", [cut_request, cut_reply])
def test_an_enrolment_cut_short_is_repeated_with_the_same_token(
    tmp_path: Path, line: Line, authority: tuple[Path, Path], fault: Callable[..., None]
) -> None:
    line.peer.tokens[TOKEN] = None
    line.peer.faults.append(fault)
    with pytest.raises(ServerAway):
        enrol(tmp_path / "data", TOKEN, "1", by(line, authority), os.urandom, board=BOARD)
    key = (tmp_path / "data" / "sign.key").read_bytes()
    assert enrol(tmp_path / "data", TOKEN, "1", by(line, authority), os.urandom, board=BOARD).number == TERMINAL
    assert (tmp_path / "data" / "sign.key").read_bytes() == key
    assert line.peer.tokens[TOKEN] == ed25519_public(key)


def test_a_used_token_enrols_no_second_terminal(tmp_path: Path, line: Line, authority: tuple[Path, Path]) -> None:
    line.peer.tokens[TOKEN] = None
    enrol(tmp_path / "one", TOKEN, "1", by(line, authority), os.urandom, board=BOARD)
    with pytest.raises(Rejected):
        enrol(tmp_path / "two", TOKEN, "1", by(line, authority), os.urandom, board=BOARD)


def test_an_enrolled_terminal_is_left_as_it_is(tmp_path: Path, line: Line, authority: tuple[Path, Path]) -> None:
    line.peer.tokens = {TOKEN: None, "ANOTHER": None}
    data = tmp_path / "data"
    enrol(data, TOKEN, "1", by(line, authority), os.urandom, board=BOARD)
    before = {file.name: file.read_bytes() for file in data.iterdir()}
    with pytest.raises(AlreadyEnrolled, match=r"is enrolled as terminal 17: .* an empty --data directory"):
        enrol(data, "ANOTHER", "1", by(line, authority), os.urandom, board=BOARD)
    assert {file.name: file.read_bytes() for file in data.iterdir()} == before
    assert line.peer.tokens["ANOTHER"] is None


def test_keys_are_durable_before_they_are_shown(tmp_path: Path) -> None:
    def post(body: bytes) -> bytes:
        request = read_request(open_envelope(body))
        assert ed25519_public((tmp_path / "sign.key").read_bytes()) == request.signing_public
        assert x25519_public((tmp_path / "seal.key").read_bytes()) == request.sealing_public
        return answering(terminal_identity())(body)

    enrol(tmp_path, TOKEN, "1", post, os.urandom, board=BOARD)


def test_secrets_are_the_owners_and_the_identity_holds_none(tmp_path: Path) -> None:
    enrol(tmp_path, TOKEN, "1", answering(terminal_identity()), os.urandom, board=BOARD)
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == {"sign.key": 0o600, "seal.key": 0o600, "card.keys": 0o600, "identity": 0o644}
    public = decode_identity((tmp_path / "identity").read_bytes(), "identity")
    assert {role for role, _ in public.keys.held} == {Role.ISSUER, Role.SERVER_SIGN, Role.SERVER_SEAL}


def test_the_key_file_is_sealed_to_the_terminal_and_its_board(tmp_path: Path) -> None:
    enrol(tmp_path, TOKEN, "1", answering(terminal_identity()), os.urandom, board=BOARD)
    raw, own = (tmp_path / "card.keys").read_bytes(), (tmp_path / "seal.key").read_bytes()
    assert open_keys(raw, own, BOARD, "card.keys") == terminal_identity()
    assert not [name for name, key in terminal_identity().keys.held.items() if key in raw]
    damaged = raw[:-1] + bytes([raw[-1] ^ 1])
    for file, key, board in ((raw, bytes(range(32)), BOARD), (raw, own, b"another"), (damaged, own, BOARD)):
        with pytest.raises(BadEnrolment, match=r"card\.keys: it does not open"):
            open_keys(file, key, board, "card.keys")


def test_a_damaged_key_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "sign.key").write_bytes(b"short")
    with pytest.raises(BadEnrolment, match="it has 5 bytes, a key has 32"):
        enrol(tmp_path, TOKEN, "1", answering(terminal_identity()), os.urandom, board=BOARD)


@pytest.mark.parametrize(
    ("post", "error"),
    [
        (answering(terminal_identity(), x25519_public(bytes(range(32)))), BadSeal),
        (answering(changed(key=(Role.SERVER_SIGN, ed25519_public(bytes(32))))), BadSignature),
        (answering(changed(key=(Role.SERVER_SEAL, None))), BadEnrolment),
        (answering(changed(key=(Role.CHAIN, None))), BadEnrolment),
        (lambda body: b"<html>", OnecardError),
        (lambda body: body, OnecardError),
    ],
)
def test_an_answer_that_cannot_be_believed_enrols_nothing(
    tmp_path: Path, post: Callable[[bytes], bytes], error: type[Exception]
) -> None:
    with pytest.raises(error):
        enrol(tmp_path, TOKEN, "1", post, os.urandom, board=BOARD)
    assert {file.name for file in tmp_path.iterdir()} == {"sign.key", "seal.key"}


def test_the_command_says_who_the_terminal_is_now(tmp_path: Path, line: Line, authority: tuple[Path, Path]) -> None:
    line.peer.tokens[TOKEN] = None
    result = command(line, authority, tmp_path / "data")
    assert result.output == "enrolled as terminal 17 of site XDA 新东安\n"
