"""The same debit by libfreefare through the same virtual reader: its host commands and modelled milliseconds.

Counted from the listing of the card to the answer that ends the debit, as ours is; opening the device and making it an
initiator are not in it. libfreefare knows no EV2, so every DESFire is opened with AuthenticateAES. It keeps no journal
and proves no certificate: what it does not do is not counted for it, only the exchanges with the reader are compared.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hardware.cards.classic_layout import ring_block, sector_of
from hardware.cards.desfire.layout import RING_FILE, application
from hardware.cards.port import CardFamily
from hardware.pn532.chip import Chip
from hardware.pn532.reader import WIRE_BAUD
from hardware.pn532.transport import SerialTransport
from hardware.virtual import card_file
from hardware.virtual.desfire.contents import DesfireImage, RecordFile
from hardware.virtual.process import VirtualReader
from onecard.card_keys import classic_key_a, desfire_debit_key
from onecard.keys import Role
from onecard.purse.record import DebitRecord, LoadReference
from onecard.purse.ring import SLOTS
from tools.bench.tap_cards import UIDS, Card, Cost, cost_of, lay_down, make_card
from tools.bench.till import Issuer

RIVAL_BAUDS = (115200, 460800)
"""libnfc 1.8 knows no faster line: it refuses to open one at 921600."""
_FEN = 100
_STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class RivalTap:
    """One debit: what listing and connecting cost, and what came after it."""

    finding: Cost
    debiting: Cost

    @property
    def commands(self) -> int:
        return self.finding.commands + self.debiting.commands

    @property
    def modelled_ms(self) -> float:
        return self.finding.modelled_ms + self.debiting.modelled_ms


def rival_tap(card: Card, baud: int) -> RivalTap:
    """One debit of a card like ours by libfreefare. Raises `AssertionError` unless the card then holds the record."""
    with tempfile.TemporaryDirectory(prefix="onecard-bench-") as place:
        return _rival_tap(Path(place), card, baud)


def _rival_tap(folder: Path, card: Card, baud: int) -> RivalTap:
    issuer = Issuer()
    uid = UIDS[card]
    path = make_card(issuer, folder / "card", card)
    written = issuer.record_image(uid, DebitRecord(3, LoadReference.of(0, 1), _FEN, 1, 0))
    with VirtualReader(folder / "reader", cards=[path]) as reader:
        _set_speed(reader, baud)
        finding, debiting = _debited(reader, baud, _arguments(issuer, card), path, written)
    assert written in _records(path), "libfreefare's debit is not on the card"
    return RivalTap(finding, debiting)


def _set_speed(reader: VirtualReader, baud: int) -> None:
    """libnfc takes a line's speed and never changes the chip's: it is changed beforehand."""
    chip = Chip(SerialTransport(str(reader.link), WIRE_BAUD))
    if baud != WIRE_BAUD:
        chip.set_serial_baud_rate(baud)
    chip.transport.close()


def _debited(
    reader: VirtualReader, baud: int, arguments: tuple[str, ...], path: Path, written: bytes
) -> tuple[Cost, Cost]:
    with _host(f"pn532_uart:{reader.link}:{baud}", arguments) as (ask, answers):
        lay_down(reader, path)  # opening has listed it already
        cost_of(reader)
        _tell(ask, f"{written.hex()} {_FEN}")
        _expect(answers, "found")
        finding = cost_of(reader)
        _tell(ask, "")
        _expect(answers, "debited")
        return finding, cost_of(reader)


def _records(path: Path) -> list[bytes]:
    """The ring of a card in a file."""
    image = card_file.load(path)
    if not isinstance(image, DesfireImage):
        return [image.blocks[ring_block(0, slot)] for slot in range(SLOTS)]
    ring = image.contents.applications[application(0)].files[RING_FILE]
    assert isinstance(ring, RecordFile)
    return list(ring.records)


def _arguments(issuer: Issuer, card: Card) -> tuple[str, ...]:
    uid = UIDS[card]
    match card.family:
        case CardFamily.CLASSIC:
            block = ring_block(0, 0)
            key = classic_key_a(issuer.masters[Role.CLASSIC_READ_WRITE], uid, sector_of(block))
            return card.family.name, str(block), key.hex()
        case CardFamily.DESFIRE:
            place = application(0)
            key = desfire_debit_key(issuer.masters[Role.DESFIRE_DEBIT], uid, place)
            return card.family.name, str(int.from_bytes(place, "little")), key.hex()


@contextmanager
def _host(device: str, arguments: tuple[str, ...]) -> Iterator[tuple[IO[str], IO[str]]]:
    """libfreefare's process with the reader `device` opened: where it is asked, where it answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.bench.libfreefare", *arguments],
        env={**os.environ, "LIBNFC_DEVICE": device, "LC_ALL": "C"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        _expect(process.stdout, "ready")
        yield process.stdin, process.stdout
        process.stdin.close()
        process.wait(_STOP_SECONDS)
    finally:
        process.kill()
        process.wait(_STOP_SECONDS)


def _tell(ask: IO[str], line: str) -> None:
    ask.write(line + "\n")
    ask.flush()


def _expect(answers: IO[str], word: str) -> None:
    line = answers.readline().strip()
    if line != word:
        raise RuntimeError(f"libfreefare's host said {line!r} instead of {word!r}: its standard error says why")
