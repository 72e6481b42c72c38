"""Files on a terminal's own disk: its configuration, its checkpoint and the tables it keeps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import blake2s
from typing import Any

from firmware import checkpoint, packed_shelf
from firmware.books import Books
from firmware.checkpoint import MAC_SIZE, BadCheckpoint, checkpoint_key
from firmware.config import TerminalConfig, read_config
from firmware.desk.config import read_desk_config
from firmware.inbox import Tariffs
from firmware.kept_words import BadKept, documents_of, word_of
from onecard import tariff
from onecard.downlink import Header, Table
from onecard.keys import KeyRing
from onecard.strict_toml import BadConfig
from onecard.tariff import BadTariff
from tests.examples import examples
from tests.fuzz.bombs import byte_bombs, text_bombs
from tests.fuzz.byte_lies import BYTE_LIES
from tests.fuzz.target import Budget, Target, is_any
from tests.fuzz.text_lies import TEXT_LIES

_TEXT_LIES = (*TEXT_LIES * 2, *BYTE_LIES)
_TERMINAL = 7
_KEY = checkpoint_key(bytes(range(32)))
_PACKED_KEY = packed_shelf.packed_key(bytes(range(32)))
_FIXED = b"""
[terminal]
data = "data"
language = "en"
[reader]
device = "/dev/ttyUSB0"
baud = 921600
[display]
kind = "spool"
directory = "screen"
[keypad]
device = "keys"
[sale]
mode = "fixed"
fixed_amount = "10.00"
film_class = 3
interval_seconds = 2
[limits]
in_doubt_seconds = 120
card_cap = "300.00"
unsent_cap = "20000.00"
unsent_days = 3
[clock]
cut_off_hour = 6
[journal]
segments = 64
segment_kib = 1024
"""
_SHOW = b"""
terminal.data = "data"
reader = { device = "/dev/ttyUSB0" }
keypad = { device = 'keys' } # no line end inside
[sale]
mode = "show"
"""
_DESK = b"""
[terminal]
data = "desk"
[reader]
device = "reader"
[server]
url = "https://localhost:8443"
ca = "ca.pem"
[clock]
cut_off_hour = 6
[journal]
segments = 4
segment_kib = 16
"""


def _names_files(raw: bytes, config: TerminalConfig) -> bool:
    """Each path is one that the system can be asked for."""
    paths = (config.data, config.reader_device, config.display_directory, config.keypad_device)
    return not any("\0" in str(path) for path in paths)


def _checkpoint() -> bytes:
    return examples("checkpoint.md")["checkpoint"]


def _books(raw: bytes) -> tuple[Books, bytes]:
    tag = checkpoint.place_of(raw, _TERMINAL, _KEY).tag
    return checkpoint.decode(raw, _TERMINAL, KeyRing({})), tag


def _books_agree(raw: bytes, found: tuple[Books, bytes]) -> bool:
    """Written again they read the same: whoever writes is in order, whoever reads need not ask for it."""
    books, tag = found
    written = checkpoint.encode(books, tag, _KEY)
    return checkpoint.encode(_books(written)[0], tag, _KEY) == written


def _resealed(key: bytes) -> Callable[[bytes], bytes]:
    """Checkpoint and kept table end in the same MAC, each under its own key."""

    def sealed_again(raw: bytes) -> bytes:
        content = raw[:-MAC_SIZE]
        return content + blake2s(content, digest_size=MAC_SIZE, key=key).digest()

    return sealed_again


def _packed() -> bytes:
    return examples("kept-table.md")["kept"]


def _kept_prices() -> Iterator[bytes]:
    prices = tariff.decode(examples("tariff.md")["tariff"])
    yield _documents(Tariffs(Header(_TERMINAL, Table.TARIFF, 0, 31, 1_800_000_000, 0), (prices, prices)))


def _documents(word: Tariffs) -> bytes:
    """The documents as one JSON object."""
    return json.dumps(documents_of(word, 1_800_000_000)).encode()


def _word(raw: bytes) -> Tariffs:
    """The word of such documents; what is no JSON of documents cannot come out of a table and counts as none."""
    documents: dict[int, Any] = {}
    try:
        told = json.loads(raw)
        documents = {int(number): document for number, document in told.items() if isinstance(document, dict)}
    except (ValueError, RecursionError, AttributeError):
        pass
    return word_of(_TERMINAL, documents)


TARGETS = (
    Target(
        "checkpoint",
        lambda: [_checkpoint()],
        _books,
        (BadCheckpoint,),
        _books_agree,
        BYTE_LIES,
        byte_bombs,
        resealed=_resealed(_KEY),
    ),
    Target(
        "terminal-config",
        lambda: [_FIXED, _SHOW],
        lambda raw: read_config(raw.decode(errors="replace"), "terminal.toml"),
        (BadConfig,),
        _names_files,
        _TEXT_LIES,
        text_bombs,
        budget=Budget(memory=(256 << 10, 64), lines=(4_000, 60)),
    ),
    Target(
        "desk-config",
        lambda: [_DESK],
        lambda raw: read_desk_config(raw.decode(errors="replace"), "desk.toml"),
        (BadConfig,),
        is_any,
        _TEXT_LIES,
        text_bombs,
        budget=Budget(memory=(256 << 10, 64), lines=(4_000, 60)),
    ),
    Target(
        "kept-table",
        lambda: [_packed()],
        lambda raw: packed_shelf.decode(raw, Table.HOTLIST, _TERMINAL, _PACKED_KEY),
        (packed_shelf.BadKept,),
        lambda raw, kept: packed_shelf.encode(kept, Table.HOTLIST, _TERMINAL, _PACKED_KEY) == raw,
        BYTE_LIES,
        byte_bombs,
        resealed=_resealed(_PACKED_KEY),
    ),
    Target(
        "kept-prices",
        _kept_prices,
        _word,
        (BadKept, BadTariff),
        lambda raw, word: _word(_documents(word)) == word,
        _TEXT_LIES,
        text_bombs,
        budget=Budget(memory=(64 << 10, 40)),
    ),
)
