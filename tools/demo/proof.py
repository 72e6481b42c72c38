"""The end of the demo's day: closing taps, quiet, and what the three witnesses say."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from hardware.pn532.opening import open_reader
from hardware.virtual.process import VirtualReader
from onecard.money import yuan
from tools.demo.scene import AT_ANY_MOMENT, Scene, Told
from tools.demo.witness import Ending, LedgerTestimony, Testimony, hear_cards, hear_journals, hear_server

_ROUNDS = 6
_QUIET_SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class Proof:
    """What was asked for, what happened, and what each witness says."""

    asked: int
    ending: Ending
    tears: Mapping[str, int]
    kills: Mapping[str, int]
    cards: Testimony
    journals: Testimony
    ledger: LedgerTestimony
    seen_paid: int
    handed_in_fen: int
    blows: Mapping[str, int] = field(default_factory=dict)
    loads: int = 0

    @property
    def holds(self) -> bool:
        """Whether the witnesses agree, every tap has its final word, and nothing is in doubt."""
        agree = self.cards == self.journals == self.ledger.testimony
        taken_in = self.ledger.cash_fen == self.handed_in_fen
        settled = self.ending.in_doubt == 0 and self.ending.behind == 0 and self.ledger.settled
        return agree and taken_in and settled and self._complete

    @property
    def _complete(self) -> bool:
        """Every tap is in the journals, and as paid as its patron saw it. A terminal killed at any moment may have
        journaled nothing yet, or not shown any more what it had."""
        cut = self.kills.get(AT_ANY_MOMENT, 0)
        all_there = self.asked - cut <= self.ending.taps <= self.asked
        return all_there and self.seen_paid <= self.ending.paid <= self.seen_paid + cut

    def as_json(self) -> dict[str, Any]:
        """The flat report."""
        return {
            "taps": self.ending.taps,
            **asdict(self.ending),
            "refunded": self.ledger.refunded,
            "in_doubt_fen": self.ledger.in_doubt_fen,
            "alarms": self.ledger.alarms,
            "differences": list(self.ledger.differences),
            "tears": dict(self.tears),
            "kills": dict(self.kills),
            "blows": dict(self.blows),
            "loads": self.loads,
            "seen_paid": self.seen_paid,
            "handed_in_fen": self.handed_in_fen,
            "cash_fen": self.ledger.cash_fen,
            "cards": asdict(self.cards),
            "journals": asdict(self.journals),
            "server": asdict(self.ledger.testimony),
            "holds": self.holds,
        }

    def show(self, console: Console) -> None:
        """The same for people."""
        told = {"taps": self.asked, **asdict(self.ending), "refunded": self.ledger.refunded}
        console.print("  ".join(f"{name} {count}" for name, count in told.items()))
        console.print(f"tears {dict(self.tears)}  kills {dict(self.kills)}")
        console.print(f"seen paid {self.seen_paid}  blows {dict(self.blows)}  loads {self.loads}")
        console.print(f"cash handed in {yuan(self.handed_in_fen)}, in the books {yuan(self.ledger.cash_fen)} yuan")
        table = Table("", "ΣN debited, fen", "ΣP loaded, fen", "Σ counters", title="three witnesses")
        for name, said in (("cards", self.cards), ("journals", self.journals), ("ledger", self.ledger.testimony)):
            table.add_row(name, *(str(value) for value in asdict(said).values()))
        console.print(table)
        console.print("they agree; nothing is in doubt" if self.holds else "THE PROOF FAILED", style="bold")


def prove(scene: Scene, asked: int, told: Told) -> Proof:
    """Closing taps until nothing waits any more, quiet, then hear the witnesses."""
    for number in range(1, _ROUNDS + 1):
        told(f"closing taps, round {number}")
        scene.closing_taps()
        _await_quiet(scene, told)
        proof = _hear(scene, asked, told)
        if proof.holds:
            break
    return proof


def _await_quiet(scene: Scene, told: Told) -> None:
    """Until the ledger has seen every record of the journals, and has said the same twice."""
    told("waiting for the last uploads")
    deadline = time.monotonic() + _QUIET_SECONDS
    before: LedgerTestimony | None = None
    while time.monotonic() < deadline:
        journals, _ = hear_journals(scene.journals)
        now = hear_server(scene.centre.data)
        same = journals.records == now.testimony.records and journals.debited_fen == now.testimony.debited_fen
        if same and now == before and now.settled:
            break
        before = now
        time.sleep(0.5)
    time.sleep(3.0)  # a refund made just now travels with the next heartbeat


def _hear(scene: Scene, asked: int, told: Told) -> Proof:
    told("hearing the witnesses")
    journals, ending = hear_journals(scene.journals)
    link = scene.centre.folder / "witness"
    with VirtualReader(link) as process, open_reader(str(link), 115200) as reader:

        def lay_alone(card: Path) -> None:
            process.command("remove")
            process.command(f"place {card}")

        cards = hear_cards(reader, lay_alone, scene.all_cards, scene.tills[0].data)
    return Proof(
        asked=asked,
        ending=ending,
        tears=scene.tears,
        kills=scene.kills,
        cards=cards,
        journals=journals,
        ledger=hear_server(scene.centre.data),
        seen_paid=scene.seen_paid,
        handed_in_fen=scene.handed_in_fen,
        blows=scene.blows,
        loads=scene.loads,
    )
