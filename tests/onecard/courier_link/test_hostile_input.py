"""Hostile input to both ends of the link: valid messages with a lie, and noise. Nothing but named errors, bounded time
and memory. The long search is for make soak; its seed is printed."""

from __future__ import annotations

import random
import time

import pytest

from onecard import cbor
from onecard.courier_link.frames import BODY_MAX, frame
from onecard.courier_link.laptop_end import LaptopEnd, LineSilent
from onecard.courier_link.messages import (
    CHUNK_SIZE,
    WINDOW,
    Chunk,
    End,
    Give,
    Hello,
    Hi,
    Next,
    Parcel,
    Pull,
    Put,
    Refused,
    Taken,
    Want,
    encode,
)
from onecard.courier_link.port_end import PortEnd
from tests.onecard.courier_link.terminal import Cut

_KEY = bytes(8)
_SEEDS = [
    encode(message)
    for message in (
        Hello(1), Next(0, b""), Next(9, bytes(8)), Pull(_KEY, [0, 1]), Pull(_KEY, list(range(WINDOW))),
        Give(bytes(32), 9),
        Put(_KEY, 0, b"x" * 9), Put(_KEY, 3, bytes(CHUNK_SIZE)), Hi(1, 17, "XDA", 9, 0),
        Parcel(0, bytes(32), 9, 1, 9, _KEY),
        End(0), Chunk(_KEY, 0, b"x" * 9), Want(_KEY, [0]), Want(_KEY, []), Taken(_KEY, ""), Refused(2, "no"),
    )
]  # fmt: skip


def _lie(chance: random.Random) -> bytes:
    """Bytes for a line: a valid frame, one with a changed body, a broken frame, or noise."""
    body = bytearray(chance.choice(_SEEDS))
    match chance.randrange(6):
        case 0:
            return chance.randbytes(chance.randrange(300))
        case 1:
            broken = bytearray(frame(bytes(body)))
            broken[chance.randrange(len(broken))] = chance.randrange(256)
            return bytes(broken)
        case 2:
            body[chance.randrange(len(body))] = chance.randrange(256)
        case 3:
            del body[chance.randrange(len(body)) :]
        case 4:
            body += chance.randbytes(chance.randrange(1, 40))
        case _:
            items: list[cbor.Value] = [chance.randrange(25)]
            parts: list[cbor.Value] = [0, -1, 1 << 62, b"", bytes(8), bytes(32), "x", []]
            items += chance.choices(parts, k=chance.randrange(7))
            body = bytearray(cbor.encode(items))
    return frame(bytes(body[:BODY_MAX])) if body else b"\0"


def _begun(task: int) -> LaptopEnd:
    laptop = LaptopEnd()
    match task:
        case 0:
            laptop.greet()
        case 1:
            laptop.ask_next(0, b"")
        case 2:
            laptop.pull(Parcel(0, _KEY + bytes(24), 9, 1, 9, _KEY), {})
        case _:
            laptop.give(b"reply")
    return laptop


def _search(seed: int, inputs: int) -> float:
    """Feeds both ends; gives the longest time that one input took, seconds."""
    chance, longest, now = random.Random(seed), 0.0, 0.0
    port, laptop = PortEnd(Cut([b"a" * 3000])), LaptopEnd()
    laptop.greet()
    for _ in range(inputs):
        data = _lie(chance)
        begun = time.perf_counter()
        size = sum(map(len, port.answers(data)))
        now += 0.01
        try:
            laptop.outgoing(now)
            laptop.receive(data, now)
        except LineSilent:
            laptop = _begun(chance.randrange(4))
        if laptop._task is None:
            laptop = _begun(chance.randrange(4))
        longest = max(longest, time.perf_counter() - begun)
        assert size <= (len(data) // 16 + 2) * WINDOW * (CHUNK_SIZE + 64)
        assert len(port._reader._held) + len(laptop._reader._held) < 2 * BODY_MAX + 100
    return longest


def test_hostile_input_gets_named_answers_in_bounded_memory() -> None:
    _search(20, 20_000)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_million_hostile_inputs() -> None:
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    longest = _search(seed, 1_000_000)
    print(f"1,000,000 inputs to each end of the courier's link; the longest took {1000 * longest:.1f} ms")
