"""Whether a card is as from the factory: every sector of a MIFARE Classic 1K opens with the transport key."""

from __future__ import annotations

from hardware.cards.classic_layout import SECTORS, TRANSPORT_KEY
from hardware.cards.classic_session import ClassicSession, Key
from hardware.reader import Reader, Target, WrongKey


def is_blank(reader: Reader, target: Target) -> bool:
    """Look at the card `reader.poll` just selected; nothing is written. Raises `CardGone` and the reader's errors."""
    session = ClassicSession(reader, target)
    try:
        for sector in range(SECTORS):
            session.authenticate(sector, Key.A, TRANSPORT_KEY)
    except WrongKey:
        return False
    return True
