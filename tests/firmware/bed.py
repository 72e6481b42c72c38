"""A test bed: one whole terminal of real processes, with cards, a keypad and a screen, and no server.

    with TestBed(folder, Issuer()) as bed:
        card = bed.card(loaded=5000)
        bed.sign_on()
        bed.press("12#")
        bed.present(card)
        assert bed.wait_for("paid")["amount"] == ["70.00"]

The terminal is `onecard terminal run`, its reader `onecard reader serve`, its keypad a FIFO, its screen files.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from firmware.boot import Station, start
from firmware.config import read_config
from hardware.virtual.process import VirtualReader
from onecard import downlink, tariff
from onecard.cbor import Value
from onecard.downlink import Acknowledgement, Header, Table
from onecard.enrolment import Identity, encode_identity, seal_keys
from onecard.hotlist import number_bytes
from onecard.identity import CardNumber, TerminalNumber
from onecard.inbox_names import PACKED_TABLES, chunk_name, table_name
from onecard.journal import JournalReader
from onecard.journal.disk import Disk
from onecard.keys import KeyRing, Role, sign
from onecard.kinds import CardKind
from onecard.money import Fen
from onecard.packed_table import TableChange
from onecard.records import Applied, Record, decode_record
from onecard.state_table import StateRow, encode_row
from onecard.tariff import FilmClass, Tariff, Tier, TimeSlot
from tools.bench.till import NOON, Issuer

WAIT_SECONDS = 20.0
SERVER_SEED = bytes(range(64, 96))
SEAL_SEED = bytes(range(96, 128))
CHAIN_KEY = bytes(range(32))
NUMBER = TerminalNumber(7)

SHOW = 'mode = "show"'
FIXED = 'mode = "fixed"\nfixed_amount = "10.00"\ninterval_seconds = 1'

CONFIG = """
[terminal]
data = "data"
language = "en"
[reader]
device = "reader"
[display]
directory = "screen"
[keypad]
device = "keypad"
[sale]
{sale}
[limits]
{limits}
[journal]
segments = 4
segment_kib = 64
"""

TARIFF = Tariff(
    version=1,
    effective_at=0,
    lowest=500,
    highest=1000,
    tiers={1: Tier(1, "普通")},
    films={1: FilmClass(1, "普通片", Fen(5000), Fen(3000)), 2: FilmClass(2, "大片", Fen(8000), Fen(6000))},
    slots=(TimeSlot(1, "全天", 127, 0, tariff.MINUTES),),
    discounts={(1, 1, 1): 700},
)
"""Film class 1 costs 50.00, for tier 1 35.00; film class 2 80.00."""


def server_public() -> bytes:
    """The public half of the key that signs acknowledgements and downlinks."""
    return Ed25519PrivateKey.from_private_bytes(SERVER_SEED).public_key().public_bytes_raw()


def seal_public() -> bytes:
    """The public half of the terminal's X25519 key."""
    return X25519PrivateKey.from_private_bytes(SEAL_SEED).public_key().public_bytes_raw()


def make_inbox(data: Path) -> None:
    """An empty inbox as the daemon makes it."""
    for table in PACKED_TABLES:
        (data / "inbox" / table_name(table)).mkdir(parents=True)


def make_data(data: Path, issuer: Issuer, number: TerminalNumber = NUMBER) -> None:
    """What enrolment leaves in a terminal's data directory."""
    make_inbox(data)
    held = dict(issuer.terminal_keys.held) | {(Role.CHAIN, 1): CHAIN_KEY, (Role.SERVER_SIGN, 1): server_public()}
    identity = Identity(number, "07", "大华", KeyRing(held))
    (data / "identity").write_bytes(encode_identity(identity.public()))
    (data / "card.keys").write_bytes(seal_keys(identity, seal_public(), b""))
    (data / "seal.key").write_bytes(SEAL_SEED)


@dataclass
class StandingTime:
    """Both clocks of a terminal that runs in the test's own process, moved by hand."""

    at: float = NOON


def start_here(
    data: Path,
    limits: str = "",
    time: StandingTime | None = None,
    disk: Disk | None = None,
    language: str = "en",
) -> Station:
    """Start the terminal of `data` in this process, in show mode, with a reader that is not there."""
    text = CONFIG.format(sale=SHOW, limits=limits).replace('"reader"', '"no-such-tty"').replace('"en"', f'"{language}"')
    clock = time or StandingTime()
    config = read_config(text, str(data.parent / "terminal.toml"))
    return start(config, system=lambda: clock.at, monotonic=lambda: clock.at, disk=disk)


class Server:
    """As much of a server as fits in files: words signed into one terminal's inbox, as the daemon would lay them."""

    def __init__(self, data: Path, number: TerminalNumber = NUMBER) -> None:
        self._inbox = data / "inbox"
        self._number = number
        self.at: int | None = None  # when tables are issued, UTC seconds; None for now
        self.good_seconds = 0  # how long they are good, 0 for ever

    def settings(self, version: int, raw: bytes) -> None:
        """The centre's settings, or what claims to be some."""
        self.table(Table.SETTINGS, version, [raw])

    def table(self, table: Table, version: int, body: Iterable[Value], name: str | None = None, base: int = 0) -> None:
        """Lay down a table's version, under its own name or another."""
        at = int(time.time()) if self.at is None else self.at
        header = Header(self._number, table, base, version, at, at + self.good_seconds if self.good_seconds else 0)
        signer: Callable[[bytes], bytes] = lambda message: sign(SERVER_SEED, b"", message)  # noqa: E731
        _lay(
            self._inbox / (name or table.name.lower()),
            downlink.pack_downlink(header, list(body), seal_public(), 1, signer),
        )

    def tariff(self, *tariffs: Tariff) -> None:
        """The price tables, under the version of the newest."""
        self.table(Table.TARIFF, max(t.version for t in tariffs), [tariff.encode(t) for t in tariffs])

    def hotlist(self, version: int, *cards: int) -> None:
        """The cards to refuse, all of them."""
        self.packed(Table.HOTLIST, TableChange(0, version, b"".join(map(number_bytes, sorted(map(CardNumber, cards))))))

    def state(self, base: int, version: int, *rows: StateRow) -> None:
        """A change of the state table: rows that are new or changed."""
        self.packed(Table.STATE, TableChange(base, version, b"".join(sorted(map(encode_row, rows)))))

    def packed(self, table: Table, change: TableChange) -> None:
        """A change of a packed table."""
        self.table(table, change.version, change.body(), chunk_name(table, change.version), change.base)

    def certificates(self, version: int, *images: bytes) -> None:
        """One chunk of the certificate feed."""
        self.table(Table.CERTIFICATES, version, images, chunk_name(Table.CERTIFICATES, version), base=version - 1)

    def acknowledge(
        self,
        received: int,
        tag: bytes,
        generation: int = 1,
        newest: Mapping[int, int] | None = None,
        at: int | None = None,
    ) -> None:
        """All up to `received` is stored and safe; the tables' `newest` versions at `at`."""
        at = int(time.time()) if at is None else at
        ack = Acknowledgement(self._number, received, tag, received, tag, generation, at, newest or {})
        envelope = downlink.pack_acknowledgement(ack, 1, lambda message: sign(SERVER_SEED, b"", message))
        _lay(self._inbox / "acknowledgement", envelope)


def _lay(file: Path, content: bytes) -> None:
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_bytes(content)
    fresh.replace(file)


class TestBed:
    """One terminal, its reader, keypad and screen; running inside a `with`."""

    __test__ = False

    def __init__(self, folder: Path, issuer: Issuer, sale: str = SHOW, limits: str = "") -> None:
        self.data = folder / "data"
        self.issuer = issuer
        self.server = Server(self.data)
        self._folder = folder
        self._cards = 0
        make_data(self.data, issuer)
        self.server.tariff(TARIFF)
        os.mkfifo(folder / "keypad")
        self._keypad = os.open(folder / "keypad", os.O_RDWR | os.O_NONBLOCK)
        self._config = folder / "terminal.toml"
        self._config.write_text(CONFIG.format(sale=sale, limits=limits))
        self.reader = VirtualReader(folder / "reader")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.reader.__enter__()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self.reader.__exit__(None, None, None)
        os.close(self._keypad)

    @property
    def pid(self) -> int:
        """The terminal's process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the terminal and wait for its first screen."""
        (self._folder / "screen" / "screen.txt").unlink(missing_ok=True)
        command = [sys.executable, "-c", "from tools.cli import main; main()", "terminal", "run", "--config"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([*command, str(self._config)], stdout=log, stderr=log)
        self._until(lambda: bool(self.screen()), "a first screen")

    def stop(self) -> int:
        """An orderly stop; the exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(WAIT_SECONDS)

    def kill(self) -> None:
        """What a power cut does to a process."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(WAIT_SECONDS)

    @property
    def log(self) -> str:
        """What the terminal said on standard error."""
        return (self._folder / "log").read_text()

    def card(self, loaded: int, kind: CardKind = CardKind.STORED_VALUE, **changes: object) -> Path:
        """A new personalised card."""
        self._cards += 1
        uid = bytes([0xD6, 0x10, 0xB6, self._cards])
        return self.issuer.card(self._folder / f"card-{self._cards}", uid, loaded, kind=kind, **changes)

    def present(self, *cards: Path) -> None:
        """Exactly these cards lie on the reader, freshly laid down."""
        self.take_away()
        for card in cards:
            self.reader.command(f"place {card}")

    def take_away(self) -> None:
        """Nothing lies on the reader."""
        self.reader.command("remove")

    def press(self, keys: str) -> None:
        """Keys of the keypad, as the bytes it sends."""
        os.write(self._keypad, keys.encode())

    def screen(self) -> dict[str, list[str]]:
        """The screen's text by role, with `state`, `results` and `tone`; empty when there is none yet."""
        try:
            lines = (self._folder / "screen" / "screen.txt").read_text().splitlines()
        except FileNotFoundError:
            return {}
        shown: dict[str, list[str]] = {}
        for line in lines:
            role, _, text = line.partition(": ")
            shown.setdefault(role, []).append(text)
        return shown

    def wait_for(self, *states: str) -> dict[str, list[str]]:
        """The screen once the session is in one of `states`."""
        self._until(lambda: self.screen().get("state") in [[state] for state in states], " or ".join(states))
        return self.screen()

    def wait_for_record(self, kind: type[Record], count: int = 1) -> list[Record]:
        """The durable records of a kind, once there are `count`."""
        self._until(lambda: len(self.records(kind)) >= count, f"{count} {kind.__name__}")
        return self.records(kind)

    def wait_for_record_of_tables(self, count: int) -> None:
        """Return once `count` table versions came into force."""
        self.wait_for_record(Applied, count)

    def wait_for_message(self, start: str) -> None:
        """Return once a message on the screen begins so."""
        self._until(lambda: any(text.startswith(start) for text in self.screen().get("message", [])), start)

    def records(self, kind: type[Record]) -> list[Record]:
        """The durable records of one kind, oldest first."""
        entries = JournalReader(self.data / "journal", CHAIN_KEY).entries()
        found = (decode_record(entry.kind, entry.payload) for entry in entries)
        return [record for record in found if isinstance(record, kind)]

    def sign_on(self) -> None:
        """A cashier signs on, and the till is ready."""
        self.wait_for("signed off")
        self.present(self.card(0, CardKind.CASHIER))
        self.wait_for("welcome")
        self.take_away()
        self.wait_for("ready", "armed")

    def _until(self, done: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + WAIT_SECONDS
        while not done():
            assert self._process is not None
            assert self._process.poll() is None, f"the terminal ended with {self._process.returncode}: {self.log}"
            assert time.monotonic() < end, f"waited for {what}; the screen shows {self.screen()}; log: {self.log}"
            time.sleep(0.02)
