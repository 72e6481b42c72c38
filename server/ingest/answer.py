"""The answer to a bundle: the signed acknowledgement and the downlinks newer than what the terminal has."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from django.conf import settings

from onecard.downlink import Acknowledgement, Header, pack_acknowledgement, pack_downlink, pack_reply
from server.ingest.changes import changes, newest_versions
from server.ingest.receive import Received
from server.keyring import server_signer


def answer(received: Received, now: datetime) -> bytes:
    """The reply's bytes. `now` is when the request came: everything committed by then is in what is told."""
    version, signer = server_signer()
    stored, terminal, at = received.stored, received.terminal, int(now.timestamp())
    safe = settings.ONECARD_SAFE == "local"
    life = generation(settings.GENERATION_FILE)
    newest = newest_versions(life)
    acknowledgement = Acknowledgement(
        terminal=terminal.number,
        received=stored.received,
        received_tag=stored.received_tag,
        safe=stored.received if safe else 0,
        safe_tag=stored.received_tag if safe else b"",
        generation=life,
        server_at=at,
        newest={table.value: known for table, known in newest.items()},
    )
    downlinks = [
        pack_downlink(
            Header(terminal.number, change.table, change.base, change.version, at, good_until=0),
            change.body,
            bytes(terminal.sealing_public),
            version,
            signer,
        )
        for change in changes(received.run.have, newest, life)
    ]
    return pack_reply(pack_acknowledgement(acknowledgement, version, signer), downlinks)


def generation(file: Path) -> int:
    """Which life of the database this is; a restored backup begins the next."""
    return int(file.read_text())
