"""The roster of terminals whose bundles are taken, signed for couriers."""

from __future__ import annotations

from datetime import datetime

from onecard.roster import Roster, pack_roster
from server.keyring import server_public, server_signer
from server.sites.models import Terminal


def signed_roster(now: datetime) -> bytes:
    """Its envelope, as of `now`: active terminals only. Raises what the key process's client raises."""
    version, signer = server_signer()
    active = Terminal.objects.filter(state=Terminal.State.ACTIVE).values_list("number", "signing_public")
    terminals = {number: bytes(key) for number, key in active}
    return pack_roster(Roster(int(now.timestamp()), server_public(), terminals), version, signer)
