"""A power cut at any point of any command: the card is as before it or as after it, never between."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hardware.cards.desfire.authentication import Method
from hardware.cards.desfire.messaging import CommMode
from hardware.virtual.desfire.contents import Contents
from hardware.virtual.desfire.memory import torn_data
from hardware.virtual.schedule import AfterWrites, CardTornError, ChipStalledError, StallPoint
from hardware.virtual.tear import Cut, TearMode
from tests.hardware.virtual.desfire.host import (
    AID,
    ZERO,
    CardLeft,
    Host,
    create_records,
    create_standard,
    create_value,
    place,
    secret,
    with_application,
)

_FIVE = (5).to_bytes(4, "little")


def _purse() -> Host:
    """A purse as of DESIGN: backup, value, cyclic records; key 1 of AES authenticated."""
    host = with_application(settings=0x0B)
    host.authenticate(0, secret(0))
    host.done(*create_standard(1, 0, 0x11FF, 96, code=0xCB))
    host.done(*create_value(2, 1, 0x11FF, (0, 1000), 1000))
    host.done(*create_records(3, 1, 0x11FF, 16, 4))
    host.authenticate(1, secret(1))
    return host


def _debit(host: Host) -> None:
    host.done(0x3D, place(1, 0, 96), bytes(range(96)), CommMode.PLAIN)
    host.done(0xDC, "02", _FIVE, CommMode.MACED)
    host.done(0x3B, place(3, 0, 16), b"r" * 16, CommMode.MACED)
    host.done(0xC7)


def _master(host: Host) -> None:
    host.authenticate(0, secret(0))


_COMMANDS: dict[str, Callable[[Host], object]] = {
    "commit": _debit,
    "a new key": lambda host: (_master(host), host.change_key(2, secret(9), secret(2))),
    "the own key": lambda host: (_master(host), host.change_key(0, secret(9), None)),
    "key settings": lambda host: (_master(host), host.done(0x54, data=b"\x09", mode=CommMode.FULL, size=0)),
    "a new file": lambda host: (_master(host), host.done(*create_standard(9, 0, 0xEEEE, 100))),
    "a file less": lambda host: (_master(host), host.done(0xDF, "03")),
    "an application less": lambda host: (
        host.select(bytes(3)),
        host.authenticate(0, ZERO, Method.ISO),
        host.done(0xDA, AID.hex()),
    ),
    "a new application": lambda host: (host.select(bytes(3)), host.done(0xCA, "0100000f81")),
    "formatting": lambda host: (host.select(bytes(3)), host.authenticate(0, ZERO, Method.ISO), host.done(0xFC)),
}


@pytest.mark.parametrize("mode", list(TearMode))
@pytest.mark.parametrize("name", _COMMANDS)
def test_a_command_is_done_whole_or_not_at_all(name: str, mode: TearMode) -> None:
    whole = _purse()
    before = whole.image.contents
    _COMMANDS[name](whole)
    after = whole.image.contents
    assert after != before
    host = _purse()
    host.schedule.order_tear(Cut(mode), AfterWrites(0))
    with pytest.raises(CardTornError):
        _COMMANDS[name](host)
    assert host.image.contents == (after if mode is TearMode.AFTER else before)
    assert host.image.writes == whole.image.writes, "the write was begun"


def test_a_card_taken_between_any_two_messages_of_a_debit_is_as_before_it() -> None:
    """Also between the frames of one command: the certificate of 96 bytes needs two."""
    for messages in range(5):
        host = _purse()
        before = host.image.contents
        host.leaves_after = host.messages + messages
        with pytest.raises(CardLeft):
            _debit(host)
        host.card.end_session()
        assert host.image.contents == before
    host = _purse()
    host.leaves_after = host.messages + 5
    _debit(host)
    assert _committed(host.image.contents)


def _committed(contents: Contents) -> bool:
    value = contents.applications[AID].files[2]
    return value.value == 995  # type: ignore[union-attr]


def test_a_standard_file_is_cut_at_every_byte() -> None:
    old, new = b"o" * 80, b"n" * 80
    for mode in TearMode:
        for kept in range(len(new) + 1):
            host = with_application()
            host.done(*create_standard(1, 0, 0xEEEE, 80))
            host.done(0x3D, place(1, 0, 80), old)
            host.schedule.order_tear(Cut(mode, kept), AfterWrites(0))
            with pytest.raises(CardTornError):
                host.done(0x3D, place(1, 0, 80), new)
            rest = {TearMode.BEFORE: old, TearMode.AFTER: new}.get(mode, bytes(80))
            assert host.image.contents.applications[AID].files[1].data == new[:kept] + rest[kept:]  # type: ignore[union-attr]


def test_half_of_a_write_is_half_of_it() -> None:
    assert torn_data(b"oooooo", b"nnnnnn", Cut(TearMode.HALF)) == b"nnn\0\0\0"
    assert torn_data(b"oooooo", b"nnnnnn", Cut(TearMode.BEFORE)) == b"oooooo"


def test_a_stall_in_front_of_a_write_leaves_the_card_able_to_run_the_command_again() -> None:
    host = _purse()
    host.done(0xDC, "02", _FIVE, CommMode.MACED)
    before = host.image.contents
    volatile = host.card.state.volatile.copy()
    host.schedule.order_stall(StallPoint.BEFORE, 0)
    assert host.channel is not None
    commit = b"\xc7" + host.channel.seal_command(0xC7, b"", b"", CommMode.PLAIN)
    with pytest.raises(ChipStalledError):
        host.frame(commit)
    assert host.image.contents == before
    host.schedule.drop_stall()
    host.card.state.volatile = volatile
    _, answer = host.frame(commit)
    assert host.channel.open_answer(answer, CommMode.PLAIN, 0) == b""
    assert _committed(host.image.contents)
