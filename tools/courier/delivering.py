"""What the laptop carries, handed to the management centre; the replies kept, durable before anything is removed.

A bundle is sent to the address terminals send to, and is the same there. What the server does not take stays, and the
others go on; a server that cannot be reached ends the delivery.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from onecard.courier_store import CourierStore, HeldBundle, remove
from onecard.downlink import BadDownlink, open_acknowledgement, open_reply
from onecard.durable_file import replace_file
from onecard.errors import OnecardError
from onecard.roster import Roster, open_roster
from sync_daemon.daemon import BUNDLE_PATH
from sync_daemon.uplink import Rejected, UplinkError
from tools.courier.verification import kept_roster

ROSTER_PATH = "/sync/v1/roster"

Post = Callable[[str, bytes], bytes]


@dataclass(slots=True)
class Delivery:
    """What became of one terminal's bundles."""

    terminal: int
    delivered: int = 0
    records: int = 0
    acknowledged: int | None = None  # the server has all up to here, as it signed; None when that cannot be read
    refused: str = ""
    left: int = 0


def fetch_roster(store: CourierStore, post: Post) -> Roster:
    """The server's roster as of now, kept. Raises `UplinkError`, and what `open_roster` raises; `NotKept`."""
    raw = post(ROSTER_PATH, b"")
    roster = open_roster(raw)
    replace_file(store.roster, raw)
    return roster


def deliver(store: CourierStore, post: Post, told: Callable[[int, int], None]) -> tuple[list[Delivery], str]:
    """Everything carried, to the server; what became of it by terminal, and why it ended early, "" when it did not.
    `told` hears bundles done and in all. Raises `NotKept`, `NotReadable`."""
    deliveries: dict[int, Delivery] = {}
    bundles = store.bundles()
    away = ""
    for done, held in enumerate(bundles):
        delivery = deliveries.setdefault(held.terminal, Delivery(held.terminal))
        if away:
            delivery.left += 1
            continue
        try:
            _deliver_one(store, held, post, delivery)
        except Rejected as error:
            delivery.refused = str(error)
            delivery.left += 1
        except BadDownlink as error:
            delivery.refused = f"the server's answer is no reply ({error}): the bundle is kept"
            delivery.left += 1
        except UplinkError as error:
            away = str(error)
            delivery.left += 1
        told(done + 1, len(bundles))
    return list(deliveries.values()), away


def _deliver_one(store: CourierStore, held: HeldBundle, post: Post, delivery: Delivery) -> None:
    content = held.read()
    if content is None:
        delivery.refused = f"{held.file.name} is damaged: collect terminal {held.terminal} again, then delete it"
        delivery.left += 1
        return
    reply = post(BUNDLE_PATH, content)
    acknowledged = _acknowledged(store, held.terminal, reply)
    store.keep_reply(held.terminal, held.last, reply)
    remove(held.file)
    delivery.delivered += 1
    delivery.records += held.last - held.first + 1
    delivery.acknowledged = acknowledged if acknowledged is not None else delivery.acknowledged


def _acknowledged(store: CourierStore, terminal: int, reply: bytes) -> int | None:
    """What the server acknowledges, when the roster's keys tell; the terminal judges it for itself."""
    acknowledgement, _ = open_reply(reply)
    try:
        roster = kept_roster(store.roster)
        return None if roster is None else open_acknowledgement(acknowledgement, roster.server_keys, terminal).received
    except OnecardError:
        return None
