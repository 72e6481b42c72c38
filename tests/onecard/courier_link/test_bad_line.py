"""The link on a line that flips bits, loses bytes, is cut and joined again, and on which others talk: a stream of
bytes in order, with damage. Whatever happened, once the line is whole everything arrives, byte for byte."""

from __future__ import annotations

import hashlib
import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from onecard.courier_link.laptop_end import RETRY_SECONDS, Came, Event, LaptopEnd, LineSilent, Pulled, Spoiled
from onecard.courier_link.messages import End, Hi, Parcel, Refused, Taken
from onecard.courier_link.port_end import PortEnd
from tests.onecard.courier_link.terminal import Cut

_STEPS_MAX = 2000


class BadLine(RuleBasedStateMachine):
    """A laptop that collects all and hands one reply over, as a courier does."""

    @initialize(sizes=st.lists(st.integers(1, 6000), min_size=1, max_size=4), seed=st.integers(0, 1 << 32))
    def lay(self, sizes: list[int], seed: int) -> None:
        chance = random.Random(seed)
        self.bundles = [chance.randbytes(size) for size in sizes]
        self.reply = chance.randbytes(chance.randint(1, 5000))
        self.goods = Cut(self.bundles)
        self.got: list[bytes] = []
        self.kept: dict[bytes, dict[int, bytes]] = {}
        self.parcel: Parcel | None = None
        self.now = 0.0
        self.join()

    def join(self) -> None:
        """A cable is plugged in: both ends begin anew, the laptop with what it kept."""
        self.port, self.laptop = PortEnd(self.goods), LaptopEnd()
        self.to_port, self.to_laptop = bytearray(), bytearray()
        self.done = False
        self.laptop.greet()

    @rule(size=st.integers(1, 5000))
    def carry_questions(self, size: int) -> None:
        self.say()
        moved = bytes(self.to_port[:size])
        del self.to_port[:size]
        for answer in self.port.answers(moved):
            self.to_laptop += answer

    @rule(size=st.integers(1, 40_000))
    def carry_answers(self, size: int) -> None:
        moved = bytes(self.to_laptop[:size])
        del self.to_laptop[:size]
        for event in self.laptop.receive(moved, self.now):
            self.happened(event)

    @rule(steps=st.integers(1, 30))
    def carry_all(self, steps: int) -> None:
        for _ in range(steps):
            self.carry_questions(1 << 20)
            self.carry_answers(1 << 20)

    @rule(seconds=st.floats(0.01, 2))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(data=st.data())
    def flip(self, data: st.DataObject) -> None:
        line = data.draw(st.sampled_from([self.to_port, self.to_laptop]))
        if line:
            place = data.draw(st.integers(0, 8 * len(line) - 1))
            line[place // 8] ^= 1 << place % 8

    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        line = data.draw(st.sampled_from([self.to_port, self.to_laptop]))
        if line:
            place = data.draw(st.integers(0, len(line) - 1))
            del line[place : place + data.draw(st.integers(1, 3000))]

    @rule(noise=st.binary(max_size=3000), towards_port=st.booleans())
    def talk(self, noise: bytes, towards_port: bool) -> None:
        (self.to_port if towards_port else self.to_laptop).extend(noise)

    @rule()
    def cut(self) -> None:
        self.join()

    @rule()
    def restart_of_the_terminal(self) -> None:
        self.port = PortEnd(self.goods)

    @invariant()
    def nothing_wrong_has_arrived(self) -> None:
        if hasattr(self, "bundles"):
            assert self.got == self.bundles[: len(self.got)]
            assert self.goods.taken in ([], [self.reply])

    def teardown(self) -> None:
        """The line is whole from now on: all arrives within a bounded number of exchanges."""
        if not hasattr(self, "bundles"):
            return
        for _ in range(_STEPS_MAX):
            self.carry_all(1)
            self.now += RETRY_SECONDS / 4
            if self.done:
                break
        assert self.got == self.bundles
        assert self.goods.taken == [self.reply]

    def say(self) -> None:
        try:
            self.to_port += self.laptop.outgoing(self.now)
        except LineSilent:
            self.join()

    def happened(self, event: Event) -> None:
        match event:
            case Hi():
                self.laptop.give(self.reply)
            case Taken(key):
                assert key == hashlib.sha256(self.reply).digest()[:8]
                self.ask()
            case Parcel():
                assert event.first == 10 * len(self.got) + 1
                self.parcel = event
                self.laptop.pull(event, self.kept.setdefault(event.digest, {}))
            case Came(number, content):
                assert self.parcel is not None
                self.kept[self.parcel.digest][number] = content
            case Pulled(content):
                self.got.append(content)
                self.ask()
            case End():
                self.done = True
            case Refused() | Spoiled():
                raise AssertionError(event)

    def ask(self) -> None:
        after = 10 * len(self.got)
        self.laptop.ask_next(after, Cut.tag(after))


TestBadLine = BadLine.TestCase
TestBadLine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
