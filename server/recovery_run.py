"""Recovery on a server that stands still: the key process's work is done here for its while."""

from __future__ import annotations

import os
import threading
from datetime import datetime
from pathlib import Path

from django.core.management import call_command

from server.backup import ENROLLED, ISSUED
from server.keyd import store
from server.keyd.issued import IssuedLog
from server.keyd.process import KeyServer
from server.keyd.work import KeyWork
from server.recovery import Recovered, recover
from server.sites.enrol import UnknownSite
from server.sites.models import Site


def recover_here(data: Path, site_code: str, now: datetime) -> Recovered:
    """Bring the database in `data` to this software's schema and recover. Raises `UnknownSite`, `SocketTaken`."""
    call_command("migrate", verbosity=0)
    site = Site.objects.filter(code=site_code).first()
    if site is None:
        raise UnknownSite(site_code)
    log = IssuedLog(data / "keys" / ISSUED)
    work = KeyWork(store.load(data / "keys"), log, lambda: int(now.timestamp()))
    socket = data / "keyd.sock"
    with KeyServer(socket, work.answer, os.geteuid()) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            return recover(data / ENROLLED, log, site, now)
        finally:
            server.shutdown()
            socket.unlink(missing_ok=True)
            log.close()
