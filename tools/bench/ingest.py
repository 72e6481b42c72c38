"""What the server adds to storing: records a second over HTTPS, beside the same rows written without it.

A real server (`onecard server run`: granian, key process, poster) takes bundles of 500 records from one terminal on
one kept connection: sales of a card that is not in the books, so that posting has no part in it. The peer writes the
same rows, decoded beforehand, with `executemany` into a database of the same schema, one transaction a bundle, fsync
on. Both in turn, block by block, in one run; client and server share the machine's cores.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from onecard.bundle import Run, pack
from onecard.downlink import Table
from onecard.enrolment import Identity, Request, open_answer, pack_request
from onecard.envelope import open_envelope, terminal_key_id
from onecard.journal.frame import chain_tag, first_tag
from onecard.keys import Role
from onecard.kinds import ClockQuality, Outcome, Purpose
from onecard.purse.record import DebitRecord, LoadReference
from onecard.purse.record import encode as encode_debit
from onecard.records import Boot, Intent, OutcomeRecord, encode_record
from server import installation

_HELD: dict[int, int] = {Table.TARIFF: 1, Table.HOTLIST: 1}  # a terminal in its daily round lacks no table
RECORDS = 500
_BLOCKS = 9
_AT = 1_800_000_000

_COMMAND = [sys.executable, "-m", "tools.cli", "server"]


def measure() -> dict[str, float]:
    """`ingest_http_vs_raw`: records a second over HTTPS ÷ records a second of bare `executemany`."""
    with tempfile.TemporaryDirectory(prefix="onecard-") as place:
        data, raw = Path(place) / "server", Path(place) / "raw"
        installation.make(raw, ("localhost",), datetime.now(UTC))
        with _server(data) as connection:
            sender = _Sender.enrolled(data, connection)
            runs = list(sender.runs(_BLOCKS))
            bundles = [sender.pack(run) for run in runs]
            write = _raw_writer(sender.identity)
            over_http: list[float] = []
            bare: list[float] = []
            for number, (run, bundle) in enumerate(zip(runs, bundles, strict=True)):
                rows = write(run)
                for timed in ((over_http, lambda b=bundle: sender.send(b)), (bare, rows))[:: -1 if number % 2 else 1]:
                    times, call = timed
                    start = time.perf_counter()
                    call()
                    times.append(time.perf_counter() - start)
    return {"ingest_http_vs_raw": statistics.median(bare) / statistics.median(over_http)}


@dataclass(frozen=True, slots=True)
class _Sender:
    """A terminal with nothing but records."""

    identity: Identity
    signing: bytes
    connection: http.client.HTTPSConnection

    @classmethod
    def enrolled(cls, data: Path, connection: http.client.HTTPSConnection) -> _Sender:
        said = subprocess.run(
            [*_COMMAND, "token", "--data", str(data), "--site", "WDK"], check=True, capture_output=True, text=True
        )
        signing, sealing = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
        public = signing.public_key().public_bytes_raw(), sealing.public_key().public_bytes_raw()
        request = pack_request(Request(said.stdout.strip(), *public, "bench"), signing.private_bytes_raw())
        answer = _post(connection, "/enrol/v1", request)
        identity = open_answer(open_envelope(answer), sealing.private_bytes_raw())
        return cls(identity, signing.private_bytes_raw(), connection)

    def runs(self, count: int) -> Iterator[Run]:
        key = self.identity.keys.key(Role.CHAIN, 1)
        tag, first = first_tag(key, self.identity.number), 1
        for _ in range(count):
            entries = [_record(self.identity.number, first + place) for place in range(RECORDS)]
            before = tag
            for sequence, (kind, payload) in enumerate(entries, start=first):
                tag = chain_tag(key, tag, kind, sequence, payload)
            yield Run(self.identity.number, first, 1, before, tuple(entries), tag, _HELD, (0, 0, 0, 0))
            first += RECORDS

    def pack(self, run: Run) -> bytes:
        seal_key = self.identity.keys.key(Role.SERVER_SEAL, 1)
        return pack(run, terminal_key_id(self.identity.number), self.signing, seal_key)

    def send(self, bundle: bytes) -> None:
        _post(self.connection, "/sync/v1/bundle", bundle)


def _raw_writer(identity: Identity) -> Callable[[Run], Callable[[], None]]:
    """Prepares a run's rows; what it gives writes them."""
    from django.db import transaction  # noqa: PLC0415 - Django is set up by now, not at import

    from server.ingest.chain import items_of  # noqa: PLC0415
    from server.ingest.columns import insert, record_row, row_of  # noqa: PLC0415
    from server.ingest.models import Bundle, Record  # noqa: PLC0415
    from server.sites.models import Site, Terminal  # noqa: PLC0415

    now = datetime.now(UTC)
    terminal = Terminal.objects.create(
        number=identity.number,
        site=Site.objects.get(code="WDK"),
        signing_public=b"",
        sealing_public=b"",
        enrolled_at=now,
    )
    bundle = Bundle.objects.create(terminal=terminal, first=1, last=1, stored=0, digest=b"", received_at=now)

    def prepare(run: Run) -> Callable[[], None]:
        tables: dict[type, list[tuple[int | str | bytes | None, ...]]] = {Record: []}
        for item in items_of(run, identity.keys.key(Role.CHAIN, 1)):
            tables[Record].append(record_row(item))
            model, row = row_of(item.name, item.kind, item.payload)
            if model is not None:
                tables.setdefault(model, []).append(row)

        def write() -> None:
            with transaction.atomic():
                for model, rows in tables.items():
                    insert(model, rows, bundle.pk)

        return write

    return prepare


@contextlib.contextmanager
def _server(data: Path) -> Iterator[http.client.HTTPSConnection]:
    subprocess.run([*_COMMAND, "init", "--data", str(data)], check=True, capture_output=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*_COMMAND, "run", "--data", str(data), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith("ready https"):
                    break
            context = ssl.create_default_context(cafile=str(data / "tls" / "ca.pem"))
            connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=60)
            yield connection
            connection.close()
        finally:
            process.terminate()


def _post(connection: http.client.HTTPSConnection, path: str, body: bytes) -> bytes:
    connection.request("POST", path, body, {"Content-Type": "application/cbor"})
    response = connection.getresponse()
    answer = response.read()
    assert response.status == 200, answer
    return answer


def _record(terminal: int, sequence: int) -> tuple[int, bytes]:
    """BOOT, then sales: INTENT and OUTCOME in turn."""
    if sequence == 1:
        return encode_record(Boot(1, os.urandom(8), _AT, ClockQuality.TRUSTED, "bench", 0, 0, 0, 0))
    if sequence % 2:
        return encode_record(OutcomeRecord(sequence - 1, Outcome.PAID, _AT + sequence))
    key = bytes(16)
    ring = [DebitRecord(c, LoadReference(0, 1), 0, 0, 0) for c in range(3)]
    return encode_record(
        Intent(
            at=_AT + sequence,
            clock=ClockQuality.TRUSTED,
            shift=1,
            business_day=9500,
            operator=100_000_000_001,
            uid=b"\1\2\3\4",
            card_number=200_000_000_004,
            purse=0,
            purpose=Purpose.SALE,
            amount=3500,
            counter=3,
            debited=3500,
            base_slot=2,
            ring=b"".join(encode_debit(record, key, 0) for record in ring),
            copy=0,
            load_sequence=1,
            loaded=50_000,
            pays=0,
            list_price=5000,
            tier=2,
            film_class=1,
            time_slot=3,
            tickets=1,
            tariff_version=1,
        )
    )
