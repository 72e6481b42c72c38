"""A real installation for the server's tests: its directory, database file and key process; terminals that speak.

The database is a file, because locks matter. Each test begins with a copy of the freshly made one.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from onecard.bundle import Run, pack
from onecard.clock import LOCAL_ZONE
from onecard.enrolment import Identity, Request, open_answer, pack_request
from onecard.envelope import open_envelope, terminal_key_id
from onecard.identity import TerminalNumber, card_number, day_number
from onecard.journal.frame import chain_tag, first_tag
from onecard.keys import KeyRing, Role
from onecard.kinds import CardKind, ClockQuality, Outcome, Purpose
from onecard.purse.certificate import Flags
from onecard.records import Boot, Intent, OutcomeRecord, Record, encode_record
from server import installation

DATA = Path(tempfile.mkdtemp(prefix="onecard-"))  # short: a unix socket's path has 107 bytes at most
atexit.register(shutil.rmtree, DATA, ignore_errors=True)
installation.make(DATA, ("127.0.0.1", "localhost"), datetime.now(UTC))

from django.db import connections, transaction  # noqa: E402 - only after Django is set up
from django.http import HttpResponse  # noqa: E402
from django.test import Client, override_settings  # noqa: E402

from server.cards.certificates import issue_next_certificate  # noqa: E402
from server.cards.models import Certificate  # noqa: E402
from server.cards.register import NewCard, register_card  # noqa: E402
from server.keyd import store  # noqa: E402
from server.keyd.issued import IssuedLog  # noqa: E402
from server.keyd.process import KeyServer  # noqa: E402
from server.keyd.work import KeyWork  # noqa: E402
from server.ledger.load import post_load  # noqa: E402
from server.sites.enrol import new_token  # noqa: E402
from server.sites.models import Site, Terminal  # noqa: E402

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
connections.close_all()
shutil.copy(DATA / "onecard.sqlite3", DATA / "fresh.sqlite3")


@cache
def _serve_keys() -> None:
    """The real key process's code, served from a thread until the process ends: one for every folder of tests."""
    work = KeyWork(store.load(DATA / "keys"), IssuedLog(DATA / "keys" / store.ISSUED_LOG), lambda: int(time.time()))
    server = KeyServer(DATA / "keyd.sock", work.answer, os.geteuid())
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture(scope="session")
def key_server() -> None:
    """The real key process's code answers."""
    _serve_keys()


@pytest.fixture
def database(key_server: None) -> Iterator[None]:
    """A fresh database in its file."""
    connections.close_all()
    for name in ("onecard.sqlite3-wal", "onecard.sqlite3-shm"):
        (DATA / name).unlink(missing_ok=True)
    (DATA / "enrolled").unlink(missing_ok=True)
    shutil.copy(DATA / "fresh.sqlite3", DATA / "next.sqlite3")
    (DATA / "next.sqlite3").replace(DATA / "onecard.sqlite3")
    yield
    connections.close_all()


class TlsClient(Client):
    """Every request comes over TLS."""

    def request(self, **environ: object) -> HttpResponse:
        return super().request(**environ | {"wsgi.url_scheme": "https"})


@pytest.fixture
def client(database: None) -> Client:
    """A client that speaks to the application as over TLS."""
    return TlsClient(SERVER_NAME="localhost")


@dataclass
class Teller:
    """A terminal as the server sees one: keys, and a journal in memory."""

    identity: Identity
    signing: bytes
    sealing: bytes
    records: list[tuple[int, bytes]] = field(default_factory=list)
    have: dict[int, int] = field(default_factory=dict)

    @property
    def number(self) -> int:
        return self.identity.number

    @property
    def chain_key(self) -> bytes:
        return self.identity.keys.key(Role.CHAIN, 1)

    @property
    def public(self) -> KeyRing:
        return self.identity.keys

    def add(self, record: Record) -> int:
        """Journal a record; gives its sequence."""
        kind, payload = encode_record(record)
        self.records.append((int(kind), payload))
        return len(self.records)

    def tag(self, sequence: int) -> bytes:
        tag = first_tag(self.chain_key, self.number)
        for place, (kind, payload) in enumerate(self.records[:sequence], start=1):
            tag = chain_tag(self.chain_key, tag, kind, place, payload)
        return tag

    def run(self, first: int = 1, last: int | None = None) -> Run:
        last = len(self.records) if last is None else last
        return Run(
            terminal=TerminalNumber(self.number),
            first_sequence=first,
            epoch=1,
            previous_tag=self.tag(first - 1),
            entries=tuple(self.records[first - 1 : last]),
            last_tag=self.tag(last),
            have=dict(self.have),
            status=(0, 0, 900, int(NOW.timestamp())),
        )

    def bundle(self, first: int = 1, last: int | None = None, **changes: object) -> bytes:
        return self.seal(replace(self.run(first, last), **changes))

    def seal(self, run: Run) -> bytes:
        return pack(run, terminal_key_id(self.number), self.signing, self.public.key(Role.SERVER_SEAL, 1))


@dataclass
class CardInHand:
    """An honest card with one purse: it counts, and remembers what it was."""

    uid: bytes
    number: int
    debited: int = 0
    loaded: int = 10_000
    load_sequence: int = 1
    ring: list[tuple[int, int, int, int]] = field(default_factory=lambda: [(0, 0, 0, 0), (1, 0, 0, 0), (2, 0, 0, 0)])

    def image(self) -> bytes:
        """48 bytes in slot order; the server does not look at the MAC."""
        slots = {c % 3: (c, n, t, s) for c, n, t, s in sorted(self.ring)[-3:]}
        return b"".join(
            (c << 4).to_bytes(3, "big") + n.to_bytes(4, "big") + t.to_bytes(2, "big") + bytes([s]) + b"\1" * 6
            for _, (c, n, t, s) in sorted(slots.items())
        )

    def intent(self, sequence_of: Teller, amount: int, *, writes: bool = True, purpose: int = Purpose.SALE) -> Intent:
        """The INTENT a terminal would journal next for a debit; with `writes` the card then holds the record."""
        newest = max(self.ring)
        sequence = len(sequence_of.records) + 1
        intent = Intent(
            at=int(NOW.timestamp()),
            clock=ClockQuality.TRUSTED,
            shift=1,
            business_day=day_number(NOW.astimezone(LOCAL_ZONE).date()),
            operator=0,
            uid=self.uid,
            card_number=self.number,
            purse=0,
            purpose=purpose,
            amount=amount,
            counter=newest[0] + 1,
            debited=newest[1] + amount,
            base_slot=newest[0] % 3,
            ring=self.image(),
            copy=0,
            load_sequence=self.load_sequence,
            loaded=self.loaded,
            pays=0,
            list_price=amount,
            tier=1,
            film_class=1,
            time_slot=1,
            tickets=1,
            tariff_version=1,
        )
        if writes:
            self.ring.append((intent.counter, intent.debited, sequence_of.number, sequence & 0xFF))
        return intent


def boot(epoch: int = 1) -> Boot:
    return Boot(epoch, secrets.token_bytes(8), int(NOW.timestamp()), 2, "test", 0, 0, 0, 0)


@pytest.fixture
def make_teller() -> Callable[[Identity, bytes, bytes], Teller]:
    """A terminal that was enrolled some other way; its journal begins with BOOT."""

    def one(identity: Identity, signing: bytes, sealing: bytes) -> Teller:
        teller = Teller(identity, signing, sealing)
        teller.add(boot())
        return teller

    return one


@pytest.fixture
def sale() -> Callable[..., int]:
    """Journals a debit and its outcome; gives the intent's sequence."""

    def one(
        teller: Teller, card: CardInHand, amount: int, outcome: Outcome | None = Outcome.PAID, *, writes: bool = True
    ) -> int:
        sequence = teller.add(card.intent(teller, amount, writes=writes))
        if outcome is not None:
            teller.add(OutcomeRecord(sequence, outcome, int(NOW.timestamp())))
        return sequence

    return one


@pytest.fixture
def card() -> CardInHand:
    """A card the server has not registered."""
    return CardInHand(secrets.token_bytes(4), 10_000_000_007)


@pytest.fixture
def issue(database: None) -> Callable[..., CardInHand]:
    """Issues a card in the books: registered, certified, its first load posted."""

    def one(loaded: int = 10_000, uid: bytes | None = None) -> CardInHand:
        uid = uid or secrets.token_bytes(7)
        site = Site.objects.get(code="XDA")
        with transaction.atomic():
            number = card_number(int.from_bytes(uid[:4], "big"))
            new = NewCard(number, uid, CardKind.STORED_VALUE, 1, Flags.NONE, NOW.date(), site)
            purse = register_card(new, NOW)
            certificate = issue_next_certificate(purse, loaded, Certificate.Reason.ISSUE, NOW)
            post_load(purse, loaded, site, certificate, NOW)
        return CardInHand(uid, number, loaded=loaded)

    return one


@pytest.fixture
def settings_of() -> Callable[..., override_settings]:
    """Settings for a moment."""
    return override_settings


@pytest.fixture
def enrol(client: Client, make_teller: Callable[[Identity, bytes, bytes], Teller]) -> Callable[..., Teller]:
    """Enrols a new terminal over HTTP; its journal begins with BOOT."""

    def one(site: str = "WDK", token: str | None = None) -> Teller:
        token = token or new_token(site, Terminal.Work.TILL, datetime.now(UTC))
        signing, sealing = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
        request = Request(
            token, signing.public_key().public_bytes_raw(), sealing.public_key().public_bytes_raw(), "test 1"
        )
        response = client.post(
            "/enrol/v1", pack_request(request, signing.private_bytes_raw()), content_type="application/cbor"
        )
        assert response.status_code == 200, response.content
        identity = open_answer(open_envelope(response.content), sealing.private_bytes_raw())
        return make_teller(identity, signing.private_bytes_raw(), sealing.private_bytes_raw())

    return one
