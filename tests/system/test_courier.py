"""A cinema without a line, from the tap to the ledger and back, on real processes: firmware, reader, daemon, server."""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hardware.cards.classic_layout import SECTORS
from hardware.virtual import classic_card
from hardware.virtual.card_file import ClassicImage
from onecard.downlink import open_acknowledgement
from onecard.enrolment import decode_identity
from onecard.journal import JournalReader
from onecard.kinds import CardKind
from onecard.records import Port, Record, decode_record
from tools.demo import patron
from tools.demo.centre import Centre, Desk
from tools.demo.line import Line
from tools.demo.processes import ONECARD, wait_for
from tools.demo.till import FIXED, DemoTill

_SALES = 4
_WAIT_SECONDS = 60.0


def _onecard(*arguments: object) -> str:
    done = subprocess.run([*ONECARD, *map(str, arguments)], capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="onecard-") as place:  # short: a unix socket's path has 107 bytes at most
        yield Path(place)


@pytest.mark.timeout(400)
@pytest.mark.xdist_group("demo")
def test_sales_of_a_cinema_without_a_line_reach_the_ledger_by_laptop_and_the_answer_comes_back(folder: Path) -> None:
    with ExitStack() as stack:
        centre = Centre(folder, 0)
        stack.callback(centre.stop)
        centre.start()
        desk = Desk(centre, "XDA", 1)
        stack.callback(desk.stop)
        desk.start()
        cashier = desk.issue(_new("d610b601"), CardKind.CASHIER, 1)
        technician = desk.issue(_new("d610b602"), CardKind.AUTHORISATION, 1)
        card = desk.issue(_new("d610b603"), CardKind.STORED_VALUE, 1)
        desk.load(card, "500.00")

        line = Line(centre.port)
        stack.callback(line.close)
        place = folder / "till"
        place.mkdir()
        centre.enrol("XDA", place / "data")
        line.cut()  # it never was up
        till = DemoTill(
            "till", place, url=f"https://localhost:{line.port}", ca=centre.ca, sale=FIXED.format(amount="15.00"),
            in_doubt_seconds=30, pace="none", seed=1,
        )  # fmt: skip
        port = _free_port()
        with (place / "daemon.toml").open("a") as config:
            config.write(f'[courier]\nlisten = "127.0.0.1"\nport = {port}\n')
        stack.callback(till.stop)
        till.start()
        patron.sign_on(till, cashier)
        for _ in range(_SALES):
            till.await_state("armed")
            till.place(card)
            till.await_state("paid")
            till.clear()
        till.await_state("armed")
        assert _verified(centre)["paid"] == 0

        till.place(technician)
        till.await_state("port turned")
        till.clear()
        wait_for("the port", lambda: "port is open" in till.daemon.log.read_text(), _WAIT_SECONDS)
        store = folder / "laptop"
        road = ("--host", f"127.0.0.1:{port}", "--store", store)
        _onecard("collect", *road)
        durable = _durable(till)
        _onecard("deliver", "--server", centre.url, "--ca", centre.ca, "--store", store)
        wait_for("the poster", lambda: _verified(centre)["waiting"] == 0, _WAIT_SECONDS)
        verified = _verified(centre)
        assert (verified["paid"], verified["differences"]) == (_SALES, [])

        said = _onecard("collect", *road)
        assert "taken" in said
        identity = decode_identity((till.data / "identity").read_bytes(), "identity")
        raw = (till.data / "inbox" / "acknowledgement").read_bytes()
        assert open_acknowledgement(raw, identity.keys, identity.number).received >= durable - 1
        assert (till.data / "inbox" / "tariff").exists()

        till.await_state("armed")
        till.place(technician)
        till.await_state("port turned")
        wait_for("the port", lambda: "port is closed" in till.daemon.log.read_text(), _WAIT_SECONDS)
        opened = [record.opened for record in _records(till) if isinstance(record, Port)]
        assert opened == [1, 0]


def _new(uid: str) -> ClassicImage:
    """A Classic as from the factory."""
    factory = (classic_card.FACTORY_KEY, classic_card.FACTORY_KEY)
    return classic_card.blank_image(bytes.fromhex(uid), [factory] * SECTORS)


def _verified(centre: Centre) -> dict[str, object]:
    said: dict[str, object] = json.loads(_onecard("server", "verify", "--data", centre.data, "--json"))
    return said


def _records(till: DemoTill) -> list[Record]:
    entries = JournalReader(till.data / "journal").entries()
    return [decode_record(entry.kind, entry.payload) for entry in entries]


def _durable(till: DemoTill) -> int:
    mark = JournalReader(till.data / "journal").durable
    assert mark is not None
    return mark.name.sequence


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number: int = listener.getsockname()[1]
        return number
