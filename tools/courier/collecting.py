"""A visit carried out over a real line, joined again when the cable was pulled; and the visit at a stick."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable
from pathlib import Path

from onecard.courier_link.laptop_end import LaptopEnd, LineSilent
from onecard.courier_link.messages import Hi, Parcel, Refused
from onecard.courier_store import CourierStore, HeldBundle, remove
from onecard.durable_file import make_directory
from onecard.errors import OnecardError
from onecard.roster import Roster
from sync_daemon.courier.lines import LineLost
from sync_daemon.courier.stick import FOLDER
from tools.courier.roads import Road
from tools.courier.verification import Proof, prove
from tools.courier.visit import Account, Progress, TerminalRefuses, Visit

_REJOIN_SECONDS = 0.5


def collect(
    road: Road,
    store: CourierStore,
    roster: Roster | None,
    *,
    wait_seconds: float,
    told: Callable[[Progress], None],
    trouble: Callable[[str], None],
) -> Account:
    """One terminal's whole backlog into the store, its reply handed over. When the line is cut it is joined again for
    `wait_seconds` without a byte of progress; `trouble` hears of it.

    Raises `LineLost`, `LineSilent`, and what a `Visit` raises; what was kept until then stays.
    """
    visit = Visit(store, roster)
    gave_up_at = time.monotonic() + wait_seconds
    while not visit.account.finished:
        before = visit.progress
        try:
            with contextlib.closing(road.join()) as line:
                _carry(visit, line.read, line.write, told)
        except (LineLost, LineSilent) as error:
            if visit.progress != before:
                gave_up_at = time.monotonic() + wait_seconds
            if time.monotonic() >= gave_up_at:
                raise
            trouble(str(error))
            time.sleep(_REJOIN_SECONDS)
    return visit.finish()


def _carry(
    visit: Visit, read: Callable[[], bytes], write: Callable[[bytes], None], told: Callable[[Progress], None]
) -> None:
    end = visit.joined()
    while not visit.account.finished:
        outgoing = end.outgoing(time.monotonic())
        if outgoing:
            write(outgoing)
        for event in end.receive(read(), time.monotonic()):
            visit.happened(event)
            told(visit.progress)


def greet(road: Road) -> Hi:
    """Who answers there, and what waits. Raises `LineLost`, `LineSilent`, `TerminalRefuses`."""
    end = LaptopEnd()
    end.greet()
    with contextlib.closing(road.join()) as line:
        while True:
            outgoing = end.outgoing(time.monotonic())
            if outgoing:
                line.write(outgoing)
            for event in end.receive(line.read(), time.monotonic()):
                if isinstance(event, Hi):
                    return event
                if isinstance(event, Refused):
                    raise TerminalRefuses(0, event.why)


def collect_from_stick(mounted: Path, store: CourierStore, roster: Roster | None) -> list[Account]:
    """What terminals wrote on a stick into the store, and the store's replies onto it; the stick is made ready for its
    next terminal. A bundle leaves the stick when it is durable in the store; one that does not prove right is left.

    Raises `NotKept`, `NotReadable`.
    """
    make_directory(mounted / FOLDER)
    stick = CourierStore(mounted / FOLDER)
    accounts: dict[int, Account] = {}
    for held in stick.bundles():
        account = accounts.setdefault(held.terminal, Account(terminal=held.terminal, finished=True))
        _move(held, store, roster, account)
    for terminal in store.terminals():
        for reply in store.replies(terminal):
            stick.keep_reply(terminal, reply.last, reply.read())
            accounts.setdefault(terminal, Account(terminal=terminal, finished=True)).reply = "put on the stick"
    return [accounts[terminal] for terminal in sorted(accounts)]


def _move(held: HeldBundle, store: CourierStore, roster: Roster | None, account: Account) -> None:
    content = held.read()
    if content is None:
        account.finished, account.reply = False, f"{held.file.name} is damaged and left on the stick"
        return
    try:
        proof = prove(content, held.terminal, roster)
    except OnecardError as error:
        account.finished, account.reply = False, f"{held.file.name} is left on the stick: {error}"
        return
    store.keep_bundle(held.terminal, _parcel_of(held, content), content)
    remove(held.file)
    account.bundles += 1
    account.records += held.last - held.first + 1
    account.size += len(content)
    account.unproved += proof is not Proof.SIGNED


def _parcel_of(held: HeldBundle, content: bytes) -> Parcel:
    digest = hashlib.sha256(content).digest()
    return Parcel(held.first - 1, digest, len(content), held.first, held.last, held.tag)
