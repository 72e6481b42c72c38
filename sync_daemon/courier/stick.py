"""A stick at an open port: the whole backlog is written to its folder `onecard`, and replies found there are taken.

The folder is the sign that the stick is for this; without it nothing is written anywhere, so that an empty mount point
is not filled. A stick that is pulled out, full or read-only is named in the log; what is whole on it stays good.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from onecard.courier_link.port_end import Goods
from onecard.courier_store import CourierStore, HeldReply, remove
from onecard.errors import OnecardError

FOLDER = "onecard"
_LOOK_SECONDS = 0.5
_VERDICT_SECONDS = 60.0

Log = Callable[[str], None]


def serve_stick(mounted: Path, goods: Goods, closed: threading.Event, log: Log) -> None:
    """Whatever stick is mounted there, until the port is closed; each once, until it was taken away."""
    done, told = False, ""
    while not closed.is_set():
        if not (mounted / FOLDER).is_dir():
            done = False
        elif not done:
            try:
                done = _exchanged(CourierStore(mounted / FOLDER), goods, closed, log)
                told = ""
            except OnecardError as error:
                if str(error) != told:
                    told = str(error)
                    log(f"stick: {told}")
        closed.wait(_LOOK_SECONDS)


def _exchanged(store: CourierStore, goods: Goods, closed: threading.Event, log: Log) -> bool:
    """Reply in, backlog out. False when the port was closed before the end. Raises `OnecardError`."""
    hi = goods.greeting()
    for held in store.replies(hi.terminal):
        _take_reply(held, goods, closed, log)
    hi = goods.greeting()
    after, tag = store.continued_after(hi.terminal, hi.acknowledged)
    begun_after = after
    while after < hi.durable and (parcel := goods.parcel(after, tag)) is not None:
        if closed.is_set():
            return False
        content = goods.whole(parcel.key)
        assert content is not None, "a bundle just cut is held"
        store.keep_bundle(hi.terminal, parcel, content)
        after, tag = parcel.last, parcel.tag
    log(f"stick: it carries records {max(begun_after, hi.acknowledged) + 1} to {after}; it may be taken away")
    return True


def _take_reply(held: HeldReply, goods: Goods, closed: threading.Event, log: Log) -> None:
    reply, until = held.read(), time.monotonic() + _VERDICT_SECONDS
    while (why := goods.take(reply)) is None:
        if closed.wait(_LOOK_SECONDS / 5) or time.monotonic() >= until:
            return  # it stays on the stick for the next time
    log(f"stick: the server's reply to record {held.last} is taken" + (f"; refused: {why}" if why else ""))
    remove(held.file)
