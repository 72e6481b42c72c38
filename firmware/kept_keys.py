"""The keys of a terminal, put in the place of the ones before when the centre sends newer ones (P-R27).

Order: `card.keys` (sealed to this terminal and its board, as enrolment does), then `identity` (public keys, which the
sync daemon reads), then in force, then the caller journals APPLIED. A power cut between any two of these leaves each
file whole, old or new; the table is in the inbox still, and the next start does what is missing.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hardware.sam.software import SoftwareSam
from onecard.durable_file import PUBLIC, SECRET, replace_file
from onecard.enrolment import Identity, decode_identity, encode_identity, seal_keys
from onecard.errors import OnecardError
from onecard.key_table import renewed
from onecard.keys import KeyRing


class KeptKeys:
    """Of one terminal, in `card.keys` and `identity` of its data directory."""

    def __init__(self, data: Path, secret: Identity, sealing_public: bytes, board: bytes, sam: SoftwareSam) -> None:
        """`secret` is what `card.keys` holds; `sealing_public` the terminal's 32-byte X25519 key."""
        self._data = data
        self._secret = secret
        self._sealing_public = sealing_public
        self._board = board
        self._sam = sam

    def take(self, table: KeyRing) -> KeyRing:
        """Keep the keys that `table` states and put them in force; the public ones. Raises `BadKeyTable`, and `NotKept`
        when the disk did not take them: those before then stay in force."""
        secret = replace(self._secret, keys=renewed(self._secret.keys, table))
        public = secret.public()
        if secret.keys.held != self._secret.keys.held or not self._tells(public):
            replace_file(self._data / "card.keys", seal_keys(secret, self._sealing_public, self._board), SECRET)
            replace_file(self._data / "identity", encode_identity(public), PUBLIC)
        self._secret = secret
        self._sam.learn(secret.keys)
        return public.keys

    def _tells(self, public: Identity) -> bool:
        """Whether `identity` says so already: a cut may have come before it."""
        file = self._data / "identity"
        try:
            return decode_identity(file.read_bytes(), str(file)) == public
        except (OSError, OnecardError):
            return False
