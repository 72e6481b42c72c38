"""The answer to a bundle: the signed acknowledgement and the downlinks newer than what the terminal has."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from django.conf import settings

from onecard.downlink import Acknowledgement, Header, Table, pack_acknowledgement, pack_downlink, pack_reply
from server.ingest.changes import changes, newest_versions
from server.ingest.receive import Received
from server.keyring import key_process, server_signer
from server.limits.versions import newest_settings

_AGEING = frozenset({Table.TARIFF, Table.HOTLIST, Table.STATE})
"""Tables whose news a frozen line keeps away to somebody's gain (F17)."""
_DAY_SECONDS = 86_400


def answer(received: Received, now: datetime) -> bytes:
    """The reply's bytes. `now` is when the request came: everything committed by then is in what is told."""
    version, signer = server_signer()
    stored, terminal, at = received.stored, received.terminal, int(now.timestamp())
    safe = settings.ONECARD_SAFE == "local"
    life = generation(settings.GENERATION_FILE)
    newest = newest_versions(life)
    public = bytes(terminal.sealing_public)
    key_version, keys = key_process().keys_for(terminal.number, public, received.run.have.get(Table.KEYS, 0), at)
    acknowledgement = Acknowledgement(
        terminal=terminal.number,
        received=stored.received,
        received_tag=stored.received_tag,
        safe=stored.received if safe else 0,
        safe_tag=stored.received_tag if safe else b"",
        generation=life,
        server_at=at,
        newest={table.value: known for table, known in newest.items()} | {Table.KEYS.value: key_version},
    )
    downlinks = [
        pack_downlink(
            Header(terminal.number, change.table, change.base, change.version, at, _good_until(change.table, at)),
            change.body,
            public,
            version,
            signer,
        )
        for change in changes(received.run.have, newest, life)
    ]
    if keys is not None:
        downlinks.insert(0, keys)
    return pack_reply(pack_acknowledgement(acknowledgement, version, signer), downlinks)


def _good_until(table: Table, at: int) -> int:
    """Until when a terminal may count on the table, unless it hears meanwhile that there is nothing newer."""
    return at + newest_settings().settings().good_days * _DAY_SECONDS if table in _AGEING else 0


def generation(file: Path) -> int:
    """Which life of the database this is; a restored backup begins the next."""
    return int(file.read_text())
