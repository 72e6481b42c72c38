"""What enrolment leaves in a terminal's data directory, for benches that start one. Its keys are used nowhere else."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from onecard.enrolment import Identity, encode_identity, seal_keys
from onecard.identity import TerminalNumber
from onecard.keys import KeyRing, Role
from tools.bench.journal_records import KEY
from tools.bench.till import Issuer

TERMINAL = TerminalNumber(1)
SERVER_SEED = bytes(range(64, 96))
"""Signs what the server says."""
_CONFIG = """
[terminal]
data = "data"
language = "en"
[reader]
device = "no-such-tty"
[display]
directory = "screen"
[keypad]
device = "keypad"
[sale]
mode = "show"
[limits]
[journal]
segments = {segments}
segment_kib = {segment_kib}
"""
_SEAL_PRIVATE = bytes(range(32))
SEAL_PUBLIC = X25519PrivateKey.from_private_bytes(_SEAL_PRIVATE).public_key().public_bytes_raw()
"""What the server says is sealed to it."""


def enrol(data: Path) -> Identity:
    """Make `data` that of `TERMINAL`, with the keys of the bench's issuer and the chain key `KEY`; its journal is still
    to be made."""
    server = Ed25519PrivateKey.from_private_bytes(SERVER_SEED).public_key().public_bytes_raw()
    held = dict(Issuer().terminal_keys.held) | {(Role.CHAIN, 1): KEY, (Role.SERVER_SIGN, 1): server}
    identity = Identity(TERMINAL, "07", "bench", KeyRing(held))
    (data / "inbox").mkdir(parents=True)
    (data / "identity").write_bytes(encode_identity(identity.public()))
    (data / "card.keys").write_bytes(seal_keys(identity, SEAL_PUBLIC, b""))
    (data / "seal.key").write_bytes(_SEAL_PRIVATE)
    (data / "journal.made").write_text(f"{TERMINAL}\n")
    return identity


def absent_devices(segments: int, segment_kib: int) -> str:
    """A terminal's configuration whose reader and keypad are not there, with a journal of so many segments."""
    return _CONFIG.format(segments=segments, segment_kib=segment_kib)
