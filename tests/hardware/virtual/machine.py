"""A virtual chip and its field without a process: what pure tests talk to."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hardware.virtual import card_file, frame
from hardware.virtual.chip import Chip, Sent
from hardware.virtual.classic_card import blank_image
from hardware.virtual.field import Field
from hardware.virtual.schedule import Schedule

UID = bytes.fromhex("d610b626")
LONG_UID = bytes.fromhex("04782e21801d80")
KEY_A, KEY_B = b"\xa0" * 6, b"\xb0" * 6


def blank_card(path: Path, uid: bytes = UID, trailers: dict[int, bytes] | None = None) -> Path:
    """A card file with KEY_A and KEY_B everywhere, and access bytes 6 to 9 by sector."""
    image = blank_image(uid, [(KEY_A, KEY_B)] * 16)
    for sector, access in (trailers or {}).items():
        image.blocks[4 * sector + 3] = KEY_A + access + KEY_B
    card_file.save(path, image)
    return path


def bytes_of(sent: Iterable[Sent]) -> bytes:
    """What went over the line."""
    return b"".join(one.data for one in sent)


class Machine:
    """A chip with a field of cards; two tries a search, as nfcpy sets it."""

    def __init__(self, *cards: Path, seed: int = 0) -> None:
        self.schedule = Schedule()
        self.field = Field(self.schedule, seed)
        self.chip = Chip(self.field, self.schedule)
        for card in cards:
            self.field.place(card)
        self.ask("32 05 ff ff 01")

    def raw(self, data: bytes) -> bytes:
        """Bytes to the chip, all bytes back; a finite search gives up at once."""
        out = bytes_of(self.chip.receive(data))
        if self.chip.search is not None and self.chip.search.us is not None:
            out += bytes_of(self.chip.give_up())
        return out

    def ask(self, command: str) -> str:
        """A command in hex; the answer in hex behind its response code, "error" for the error frame, "" for silence."""
        payload = bytes.fromhex(command)
        out = self.raw(frame.information(payload, frame.FROM_HOST))
        assert out.startswith(frame.ACK)
        out = out[len(frame.ACK) :]
        if out == frame.ERROR:
            return "error"
        if not out:
            return ""
        (answer,) = frame.FrameReader().feed(out)
        assert isinstance(answer, frame.Information)
        assert answer.tfi == frame.FROM_CHIP
        assert answer.payload[0] == payload[0] + 1
        return answer.payload[1:].hex()

    def list_one(self) -> str:
        """InListPassiveTarget for one type A card."""
        return self.ask("4a 01 00")

    def auth(self, block: int, key: bytes = KEY_A, which: int = 0x60, uid: bytes = UID) -> str:
        return self.ask(f"40 01 {which:02x} {block:02x} {key.hex()} {uid[-4:].hex()}")

    def select_and_auth(self, block: int, key: bytes = KEY_A, which: int = 0x60) -> None:
        assert self.list_one().startswith("01")
        assert self.auth(block, key, which) == "00"

    def read(self, block: int) -> str:
        return self.ask(f"40 01 30 {block:02x}")

    def write(self, block: int, data: bytes) -> str:
        return self.ask(f"40 01 a0 {block:02x} {data.hex()}")
