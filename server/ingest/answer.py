"""The answer to a bundle: the signed acknowledgement and the downlinks newer than what the terminal has."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from django.conf import settings

from onecard.downlink import Acknowledgement, Header, Table, pack_acknowledgement, pack_downlink, pack_reply
from server.ingest.chain import tag_at
from server.ingest.changes import changes, newest_versions
from server.ingest.receive import Received
from server.ingest.safe import safe_up_to
from server.keyring import key_process, server_signer
from server.limits.versions import newest_settings

_AGEING = frozenset({Table.TARIFF, Table.HOTLIST, Table.STATE})
"""Tables whose news somebody may gain by keeping away (F17): good until the settings' days are over, unless a terminal
hears meanwhile that there is nothing newer."""
_DAY_SECONDS = 86_400


def answer(received: Received, now: datetime) -> bytes:
    """The reply's bytes. `now` is when the request came: everything committed by then is in what is told."""
    version, signer = server_signer()
    stored, terminal, at = received.stored, received.terminal, int(now.timestamp())
    life = generation(settings.GENERATION_FILE)
    safe = safe_up_to(terminal, stored.received, life, settings.ONECARD_SAFE)
    newest = newest_versions(life)
    public = bytes(terminal.sealing_public)
    key_version, keys = key_process().keys_for(terminal.number, public, received.run.have.get(Table.KEYS, 0), at)
    acknowledgement = Acknowledgement(
        terminal=terminal.number,
        received=stored.received,
        received_tag=stored.received_tag,
        safe=safe,
        safe_tag=tag_at(terminal.number, safe, received.chain_key) if safe else b"",
        generation=life,
        server_at=at,
        newest={table.value: known for table, known in newest.items()} | {Table.KEYS.value: key_version},
    )
    news = list(changes(received.run.have, newest, life))
    good_until = at + newest_settings().settings().good_days * _DAY_SECONDS if news else 0
    downlinks = [
        pack_downlink(
            Header(
                terminal.number,
                change.table,
                change.base,
                change.version,
                at,
                good_until if change.table in _AGEING else 0,
            ),
            change.body,
            public,
            version,
            signer,
        )
        for change in news
    ]
    if keys is not None:
        downlinks.insert(0, keys)
    return pack_reply(pack_acknowledgement(acknowledgement, version, signer), downlinks)


def generation(file: Path) -> int:
    """Which life of the database this is; a restored backup begins the next."""
    return int(file.read_text())
