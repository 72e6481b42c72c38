"""Whatever a host sends, the card answers in its own words and its contents stay a card."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hardware.cards.desfire.authentication import Method
from hardware.cards.desfire.cipher import KeyType
from hardware.cards.desfire.messaging import BrokenMessage, CommMode
from hardware.cards.desfire.status import Status
from hardware.virtual import card_file
from hardware.virtual.desfire.commands import AUTHENTICATIONS, COMMANDS
from hardware.virtual.desfire.contents import Generation
from tests.hardware.virtual.desfire.host import (
    AID,
    KINDS,
    Host,
    create_records,
    create_standard,
    create_value,
    with_application,
)
from tests.hardware.virtual.machine import Machine

_WORDS = {status.value for status in Status}


def _furnished(generation: Generation, method: Method, chance: random.Random) -> Host:
    host = with_application(generation, method)
    rights = chance.choice([0xEEEE, 0x0000, 0x01FE, 0xFFF0])
    mode = chance.choice([0, 1, 3])
    host.done(*create_standard(1, mode, rights, 70))
    host.done(*create_standard(4, mode, rights, 40, code=0xCB))
    host.done(*create_value(2, mode, rights, (-5, 100), 10, 3))
    host.done(*create_records(3, mode, rights, 4, 3))
    return host


def _noise(generation: Generation, chance: random.Random) -> bytes:
    code = chance.choice([*COMMANDS[generation], *AUTHENTICATIONS[generation], 0xAF, 0xAF, chance.randrange(256)])
    small = bytes(chance.choice([0, 1, 2, 3, 4, 5, 0xFF]) for _ in range(chance.choice([0, 1, 3, 5, 7, 10, 16, 17])))
    data = small + chance.randbytes(chance.choice([0, 0, 8, 16, 32, 45]))
    match chance.randrange(4):
        case 0:
            return bytes((0x90, code, 0, 0, len(data))) + data + b"\0"
        case 1:
            return bytes((0x00, chance.choice([0xA4, 0xB0, 0xD6, 0xB2, 0xE2, code]))) + data
        case 2:
            return chance.randbytes(chance.randrange(70))
    return bytes((code,)) + data


def _sealed(host: Host, generation: Generation, chance: random.Random) -> None:
    """A command under the session with parameters of any kind: the reader's end seals it rightly."""
    code = chance.choice(list(COMMANDS[generation]))
    header = bytes(chance.choice([0, 1, 2, 3, 4, 9]) for _ in range(chance.choice([0, 1, 1, 3, 7, 7, 9])))
    mode = chance.choice(list(CommMode))
    try:
        host.ask(
            code, header.hex(), chance.randbytes(chance.choice([0, 0, 1, 3, 4, 17])), mode, chance.choice([0, 4, 7])
        )
    except BrokenMessage:
        host.channel = None


@pytest.mark.parametrize("generation", list(Generation))
@pytest.mark.parametrize("seed", range(6))
def test_noise_gets_a_status_and_leaves_a_card(generation: Generation, seed: int, tmp_path: Path) -> None:
    chance = random.Random(f"{generation} {seed}")
    methods = [method for method in KINDS if method in AUTHENTICATIONS[generation]]
    method = methods[seed % len(methods)]
    host = _furnished(generation, method, chance)
    for _ in range(400):
        if chance.random() < 0.2:
            _start_again(host, method, chance)
        elif chance.random() < 0.4:
            _sealed(host, generation, chance)
        message = _noise(generation, chance)
        answer = host.card.message(message)
        assert answer
        if message[:1] == b"\x90":
            assert answer[-2] in (0x91, 0x67, 0x6A)
        elif message[:1] != b"\x00":
            assert answer[0] in _WORDS
    card_file.save(tmp_path / "card", host.image)
    assert card_file.load(tmp_path / "card") == host.image


def _start_again(host: Host, method: Method, chance: random.Random) -> None:
    """Select and authenticate, if noise has left anything to do that with."""
    host.card.end_session()
    host.channel = None
    if AID in host.image.contents.applications and len(host.image.contents.applications[AID].keys) > 1:
        host.select()
        number = chance.randrange(2)
        key = host.image.contents.applications[AID].keys[number].key
        host.authenticate(number, key.secret, method, key.type)
    elif host.image.contents.key.key.type is KeyType.TDES:
        host.select(bytes(3))
        host.authenticate(0, host.image.contents.key.key.secret, Method.ISO)


@pytest.mark.parametrize("seed", range(4))
def test_noise_to_the_chip_stops_neither_chip_nor_card(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    host = with_application()
    card_file.save(tmp_path / "card", host.image)
    machine = Machine(tmp_path / "card")
    for _ in range(600):
        code = chance.choice([0x40, 0x40, 0x40, 0x42, 0x42, 0x44, 0x4A, 0x4E, 0x52, 0x54, 0x60, 0x12, 0x32, 0x00, 0x08])
        head = {
            0x40: bytes((chance.choice([1, 1, 1, 2, 0x41]),)),
            0x42: bytes((chance.choice([0x02, 0x03, 0x12, 0xA2, 0xB2, 0xB3, 0xC2, 0xE0, 0xD0, 0x26]),)),
            0x4A: bytes((chance.choice([1, 2]), 0)),
            0x32: bytes((1, chance.choice([0, 1, 1, 1]))),
            0x12: bytes((chance.choice([0x00, 0x10]),)),
        }.get(code, b"\x01")
        body = chance.choice([b"", b"\x50", b"\x60", b"\xaf", chance.randbytes(chance.randrange(20))])
        if code not in (0x32, 0x12):
            head += body
        machine.ask((bytes((code,)) + head).hex())
    machine.ask("12 14")
    machine.ask("32 01 00")
    machine.ask("32 01 01")
    machine.ask("08 6302 80 6303 80 633d 00 630d 00")
    assert machine.list_one().endswith("067577810280")
    assert machine.ask("40 01 60").startswith("00af0401")
