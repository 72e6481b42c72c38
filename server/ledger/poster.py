"""The poster: a process of its own that posts what ingest has stored. `python -m server.ledger.poster`."""

from __future__ import annotations

import logging
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

LOOK_SECONDS = 0.2
"""How long it sleeps when nobody calls."""

log = logging.getLogger(__name__)


def serve() -> None:
    """Post until told to stop (SIGTERM)."""
    from django.conf import settings  # noqa: PLC0415 - Django is set up by now, not at import
    from django.db import OperationalError  # noqa: PLC0415

    from server import storage  # noqa: PLC0415
    from server.keyd.client import KeyProcessGone  # noqa: PLC0415
    from server.ledger.posting import post_next  # noqa: PLC0415
    from server.ledger.wake import listen  # noqa: PLC0415

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    bell = listen(Path(settings.POSTER_SOCKET), LOOK_SECONDS)
    try:
        while True:
            try:
                while post_next(datetime.now(UTC)):
                    pass
            except OperationalError as error:
                if not storage.is_busy(error):
                    raise
            except KeyProcessGone as error:
                log.warning("%s", error)
            try:
                bell.recv(1)
            except TimeoutError:
                continue
    except KeyboardInterrupt:
        return
    finally:
        bell.close()


if __name__ == "__main__":
    from server import installation

    installation.enter(Path(os.environ["ONECARD_DATA"]))
    serve()
