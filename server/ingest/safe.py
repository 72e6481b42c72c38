"""What the server calls safe: how far a terminal's records survive the loss of this machine. Only that licenses a
terminal to forget (I-06), so it is never more than what is known to be elsewhere.

One setting, ONECARD_SAFE, says what counts: `local` (committed to this database), `none` (nothing does), or the path of
the copy mark that whoever copies the database off-site writes when the copy is durable there. A mark that is missing,
that cannot be read, or of another generation makes nothing safe.
"""

from __future__ import annotations

import logging
from pathlib import Path

from server.copy_mark import BadMark, read_mark
from server.ingest.models import Bundle
from server.sites.models import Terminal

LOCAL = "local"
NONE = "none"

log = logging.getLogger(__name__)


def safe_up_to(terminal: Terminal, received: int, generation: int, setting: str) -> int:
    """The highest sequence of the terminal's acknowledged prefix that is safe, 0 for none; at most `received`."""
    if setting == LOCAL:
        return received
    if setting == NONE:
        return 0
    try:
        mark = read_mark(Path(setting).read_bytes())
    except (OSError, BadMark) as error:
        log.warning("nothing is safe: %s", error)
        return 0
    if mark.generation != generation:
        return 0
    copied = Bundle.objects.filter(terminal=terminal, pk__lte=mark.bundle).order_by("-pk")
    return min(received, copied.values_list("received", flat=True).first() or 0)
