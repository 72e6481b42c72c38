"""The virtual reader as a process: the pty on one side, orders on the other, the chip between them. One thread.

Modelled time is always counted. With pace `model` it is also waited out: each answer leaves when the real parts would
have sent it, and a finite search lasts as long. With `none` everything answers at once.
"""

from __future__ import annotations

import json
import os
import select
import time
from collections import deque
from collections.abc import Iterable
from typing import IO, assert_never

from hardware.virtual.chip import Chip, Sent
from hardware.virtual.field import Field
from hardware.virtual.orders import MAX_LINE_SIZE, Order, OrderError, Place, Remove, Resume, Stall, Stats, Tear, parse
from hardware.virtual.pty_link import PtyLink
from hardware.virtual.schedule import Schedule
from onecard.errors import OnecardError

_QUIET_SECONDS = 0.5
"""A frame whose bytes pause this long is given up: its host died in the middle of it."""


class ReaderService:
    """Serves one virtual PN532 until `stop` (a file descriptor) becomes readable.

    Orders come from `orders` (a file descriptor; at its end the reader goes on serving), each is answered by one JSON
    line on `answers`: an object with the order's results, or {"error": what and the cure}.
    """

    def __init__(
        self, link: PtyLink, field: Field, schedule: Schedule, *, orders: int, answers: IO[str], paced: bool
    ) -> None:
        self._link = link
        self._field = field
        self._schedule = schedule
        self._chip = Chip(field, schedule)
        self._orders: int | None = orders
        self._order_bytes = bytearray()
        self._answers = answers
        self._paced = paced
        self._unsent: deque[tuple[float, bytes]] = deque()
        self._search_ends: float | None = None
        self._last_byte = 0.0
        self._writes_told = 0

    def run(self, stop: int) -> None:
        """Serve until `stop` is readable."""
        while True:
            watched = [self._link.master, stop] + ([] if self._orders is None else [self._orders])
            readable, _, _ = select.select(watched, [], [], self._timeout())
            if stop in readable:
                return
            if self._link.master in readable:
                self._hear_host()
            if self._orders in readable:
                self._hear_orders()
            self._advance()

    def _timeout(self) -> float | None:
        now = time.monotonic()
        ends = [due for due, _ in list(self._unsent)[:1]]
        if self._search_ends is not None:
            ends.append(self._search_ends)
        if self._chip.mid_frame:
            ends.append(self._last_byte + _QUIET_SECONDS)
        return max(0.0, min(ends) - now) if ends else None

    def _advance(self) -> None:
        now = time.monotonic()
        if self._search_ends is not None and now >= self._search_ends:
            self._queue(self._chip.give_up())
        if self._chip.mid_frame and now >= self._last_byte + _QUIET_SECONDS:
            self._chip.forget_partial()
        self._send_what_is_due()

    def _hear_host(self) -> None:
        data = self._link.read()
        speed = self._link.host_speed()
        self._chip.host_speed(speed)
        if not data or speed != self._chip.speed:
            return
        self._last_byte = time.monotonic()
        self._queue(self._chip.receive(data))

    def _queue(self, sent: Iterable[Sent]) -> None:
        due = max(time.monotonic(), self._unsent[-1][0] if self._unsent else 0.0)
        before = self._chip.search
        for one in sent:
            if one.aborts:
                self._unsent.clear()
                continue
            due += one.after_us / 1e6 if self._paced else 0.0
            self._unsent.append((due, one.data))
            self._send_what_is_due()  # the acknowledgement leaves before the command is executed
        search = self._chip.search
        if search is None or search.us is None:
            self._search_ends = None
        elif search is not before:
            self._search_ends = due + (search.us / 1e6 if self._paced else 0.0)

    def _send_what_is_due(self) -> None:
        while self._unsent and self._unsent[0][0] <= time.monotonic():
            self._link.write(self._unsent.popleft()[1])

    def _hear_orders(self) -> None:
        assert self._orders is not None
        chunk = os.read(self._orders, MAX_LINE_SIZE)
        if not chunk:
            self._orders = None
            return
        self._order_bytes += chunk
        while (end := self._order_bytes.find(b"\n")) >= 0:
            line = bytes(self._order_bytes[:end])
            del self._order_bytes[: end + 1]
            self._answer(line)
        if len(self._order_bytes) > MAX_LINE_SIZE:
            self._order_bytes.clear()
            self._tell({"error": f"a line has more than {MAX_LINE_SIZE} bytes; write one order a line"})

    def _answer(self, line: bytes) -> None:
        try:
            result = self._obey(parse(line.decode("utf-8")))
        except UnicodeDecodeError:
            result = {"error": "a line is not UTF-8; write orders in UTF-8"}
        except (OnecardError, OSError) as error:
            result = {"error": str(error)}
        self._tell(result)

    def _tell(self, result: dict[str, object]) -> None:
        print(json.dumps(result), file=self._answers, flush=True)

    def _obey(self, order: Order) -> dict[str, object]:
        match order:
            case Place(path):
                picc = self._field.place(path)
                self._queue(self._chip.field_changed())
                return {"placed": str(path.resolve()), "uid": picc.card.uid.hex()}
            case Remove(None):
                gone = [str(path) for path in self._field.files]
                self._field.clear()
                return {"removed": gone}
            case Remove(path):
                assert path is not None
                self._field.remove(path)
                return {"removed": [str(path.resolve())]}
            case Tear(cut, position):
                self._schedule.order_tear(cut, position)
                return {"tear": cut.mode.value}
            case Stall(point, after_writes):
                if self._chip.stalled:
                    raise OrderError("the chip is stalled already; `resume` first")
                self._schedule.order_stall(point, after_writes)
                return {"stall": point.value}
            case Resume():
                was_stalled = self._chip.stalled
                present = self._link.host_present() if was_stalled else True
                self._queue(self._chip.resume(present))
                return {"resumed": was_stalled, "host_present": present}
            case Stats():
                return self._stats()
            case _:
                assert_never(order)

    def _stats(self) -> dict[str, object]:
        meter = self._chip.read_meter()
        writes = self._field.writes - self._writes_told
        self._writes_told += writes
        return {
            "host_commands": meter.host_commands,
            "bytes_in": meter.bytes_in,
            "bytes_out": meter.bytes_out,
            "modelled_ms": round(meter.modelled_us / 1000, 3),
            "writes": writes,
            "stalled": self._chip.stalled,
            "baud": self._chip.speed,
            "cards": [str(path) for path in self._field.files],
        }
