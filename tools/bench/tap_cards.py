"""The cards that a tap is measured on, and what a virtual reader tells that it cost."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from hardware.cards.port import CardFamily
from hardware.virtual.desfire.contents import Generation
from hardware.virtual.process import VirtualReader
from tools.bench.till import Issuer

_LOADED = 10_000_000


class Card(Enum):
    """What is tapped."""

    CLASSIC = "MIFARE Classic 1K"
    EV1 = "DESFire EV1"
    EV2 = "DESFire EV2"

    @property
    def family(self) -> CardFamily:
        return CardFamily.CLASSIC if self is Card.CLASSIC else CardFamily.DESFIRE


UIDS = {
    Card.CLASSIC: bytes.fromhex("d610b626"),
    Card.EV1: bytes.fromhex("04782e21801d80"),
    Card.EV2: bytes.fromhex("04782e21801d81"),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Host commands, and the milliseconds that `hardware.virtual.timing` gives them."""

    commands: int
    modelled_ms: float


def make_card(issuer: Issuer, path: Path, card: Card) -> Path:
    """A personalised card with money for any number of taps, in a file."""
    match card:
        case Card.CLASSIC:
            return issuer.card(path, UIDS[card], _LOADED)
        case Card.EV1:
            return issuer.desfire_card(path, UIDS[card], _LOADED, Generation.EV1)
        case Card.EV2:
            return issuer.desfire_card(path, UIDS[card], _LOADED, Generation.EV2)


def lay_down(reader: VirtualReader, card: Path) -> None:
    """A new presentation: the card leaves the field and comes back, without a search of its own in between."""
    reader.command("remove")
    reader.command(f"place {card}")


def cost_of(reader: VirtualReader) -> Cost:
    """What happened since it was asked last."""
    stats = reader.command("stats")
    commands, modelled = stats["host_commands"], stats["modelled_ms"]
    assert isinstance(commands, int)
    assert isinstance(modelled, float | int)
    return Cost(commands, modelled)
