"""The answer to a bundle: the signed acknowledgement and the downlinks newer than what the terminal has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from django.conf import settings

from onecard import cbor
from onecard.downlink import Acknowledgement, Header, Table, pack_acknowledgement, pack_downlink, pack_reply
from server.cards.feed import CERTIFICATES_IN_A_CHUNK, certificates_after, feed_version
from server.cards.hotlist import hotlist, hotlist_version
from server.ingest.receive import Received
from server.keyring import server_signer
from server.sites.models import Terminal
from server.tariffs.models import TariffVersion

_CHUNKS_IN_A_REPLY = 8

Change = tuple[Table, int, int, Sequence[cbor.Value]]
"""Table, base, version, body."""


def answer(received: Received, now: datetime) -> bytes:
    """The reply's bytes."""
    version, signer = server_signer()
    stored = received.stored
    safe = settings.ONECARD_SAFE == "local"
    acknowledgement = Acknowledgement(
        terminal=received.terminal.number,
        received=stored.received,
        received_tag=stored.received_tag,
        safe=stored.received if safe else 0,
        safe_tag=stored.received_tag if safe else b"",
        generation=generation(settings.GENERATION_FILE),
        server_at=int(now.timestamp()),
    )
    downlinks = [
        pack_downlink(header, body, bytes(received.terminal.sealing_public), version, signer)
        for header, body in _headed(received.terminal, received.run.have, now)
    ]
    return pack_reply(pack_acknowledgement(acknowledgement, version, signer), downlinks)


def generation(file: Path) -> int:
    """Which life of the database this is; a restored backup begins the next."""
    return int(file.read_text())


def _headed(
    terminal: Terminal, have: Mapping[int, int], now: datetime
) -> Iterator[tuple[Header, Sequence[cbor.Value]]]:
    for table, base, version, body in _changes(have):
        yield Header(terminal.number, table, base, version, int(now.timestamp()), 0), body


def _changes(have: Mapping[int, int]) -> Iterator[Change]:
    newest = TariffVersion.objects.order_by("-version").values_list("version", flat=True).first() or 0
    if newest > have.get(Table.TARIFF, 0):
        wires = TariffVersion.objects.filter(version__lte=newest).order_by("version").values_list("wire", flat=True)
        yield Table.TARIFF, 0, newest, [bytes(wire) for wire in wires]
    listed = hotlist_version()
    if listed > have.get(Table.HOTLIST, 0):
        yield Table.HOTLIST, 0, listed, hotlist()
    yield from _certificate_chunks(have.get(Table.CERTIFICATES, 0))


def _certificate_chunks(base: int) -> Iterator[Change]:
    newest = feed_version()
    for _ in range(_CHUNKS_IN_A_REPLY):
        if base >= newest:
            return
        rows = certificates_after(base)
        version = rows[-1][0] if len(rows) == CERTIFICATES_IN_A_CHUNK else newest
        yield Table.CERTIFICATES, base, version, [image for _, image in rows]
        base = version
