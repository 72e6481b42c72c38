"""The three witnesses, each read from its own source after the fact: card files by a reader, journals, ledger.

None of them is asked what another says. What they must agree on is a `Testimony`: ΣN, ΣP and Σ transaction counters.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from firmware.card_sight import Presentation, Refused, Sight
from firmware.purse_memory import PurseMemory, PurseName
from hardware.board.serial_number import serial_number
from hardware.reader import Reader
from hardware.sam.software import SoftwareSam
from onecard.enrolment import open_keys
from onecard.errors import OnecardError
from onecard.kinds import DeclineReason, Outcome, Purpose
from onecard.purse.intent import evidence, last_identity
from onecard.purse.resolution import resolve
from onecard.records import Intent, Issue
from tools.demo.processes import ONECARD

_SALES = (Purpose.SALE, Purpose.FREE)
_ACKNOWLEDGED = (Outcome.PAID, Outcome.ACKED)
Name: TypeAlias = "tuple[int, int]"
"""(terminal, sequence)."""


class BadTestimony(OnecardError):
    """A witness could not be heard."""


@dataclass(frozen=True, slots=True)
class Testimony:
    """What one witness says of all purses together."""

    debited_fen: int
    loaded_fen: int
    records: int


@dataclass(frozen=True, slots=True)
class Ending:
    """How the taps ended, as the journals tell it."""

    paid: int
    declined: int
    abandoned: int
    in_doubt: int
    behind: int = 0
    """Honest cards that were called behind; none may be."""

    @property
    def taps(self) -> int:
        """Every sale that was asked for."""
        return self.paid + self.declined + self.abandoned + self.in_doubt


def hear_cards(reader: Reader, place: Callable[[Path], None], cards: Iterable[Path], till: Path) -> Testimony:
    """Read every card file through a reader, with the keys in a till's data directory; `place` lays one alone
    on the reader."""
    file = till / "card.keys"
    identity = open_keys(file.read_bytes(), (till / "seal.key").read_bytes(), serial_number(), str(file))
    sam = SoftwareSam(identity.keys)
    debited = loaded = records = 0
    for card in cards:
        place(card)
        sight = Sight(reader, PurseMemory(identity.number, identity.keys), sam)
        shown = sight.select(0)
        if not isinstance(shown, Presentation):
            raise BadTestimony(f"{card} cannot be read: {shown}")
        known = sight.read_certificate(shown)
        if isinstance(known, Refused):
            raise BadTestimony(f"{card} cannot be read: {known.reason.name}")
        debited += shown.newest.debited
        records += shown.newest.counter
        loaded += known.in_force.certificate.loaded
    return Testimony(debited, loaded, records)


@dataclass(slots=True)
class _Journals:
    """What all journals tell, sorted."""

    intents: dict[PurseName, dict[Name, Intent]] = field(default_factory=dict)
    outcomes: dict[Name, Outcome] = field(default_factory=dict)
    issues: dict[PurseName, Issue] = field(default_factory=dict)
    declined: int = 0
    behind: int = 0

    def take(self, record: dict[str, Any]) -> None:
        """One line of `onecard journal list --json`."""
        name = record["terminal"], record["sequence"]
        match record["kind"]:
            case "INTENT":
                intent = _read(Intent, record)
                self.intents.setdefault(PurseName(intent.uid, intent.purse), {})[name] = intent
            case "OUTCOME":
                self.outcomes[record["terminal"], record["intent"]] = Outcome(record["outcome"])
            case "ISSUE":
                issue = _read(Issue, record)
                self.issues[PurseName(issue.uid, issue.purse)] = issue
            case "DECLINE":
                self.declined += 1
                self.behind += record["reason"] == DeclineReason.CARD_BEHIND

    def testimony(self) -> Testimony:
        """ΣN and Σ counters of the durable heads; ΣP of the certificates last known in force."""
        debited = loaded = records = 0
        for purse, issue in self.issues.items():
            intents = self.intents.get(purse, {})
            told = (evidence(i, name[1], name[0], self.outcomes.get(name)) for name, i in intents.items())
            head = resolve(last_identity(issue.ring), told).head
            in_force = [
                (i.load_sequence, i.loaded) for n, i in intents.items() if self.outcomes.get(n) in _ACKNOWLEDGED
            ]
            first = int.from_bytes(issue.certificate[4:7], "big"), int.from_bytes(issue.certificate[7:11], "big")
            debited += head.debited
            records += head.counter
            loaded += max([first, *in_force])[1]
        return Testimony(debited, loaded, records)

    def ending(self) -> Ending:
        """The taps by their final word. An UNSENT sale charged nothing and was told so: declined."""
        words: list[Outcome | None] = [
            self.outcomes.get(name)
            for intents in self.intents.values()
            for name, intent in intents.items()
            if intent.purpose in _SALES
        ]
        return Ending(
            paid=words.count(Outcome.PAID),
            declined=self.declined + words.count(Outcome.UNSENT),
            abandoned=words.count(Outcome.ABANDONED),
            in_doubt=words.count(None),
            behind=self.behind,
        )


def hear_journals(directories: Sequence[Path]) -> tuple[Testimony, Ending]:
    """Put together what `onecard journal list` says of every terminal and of the desk."""
    journals = _Journals()
    for directory in directories:
        for record in _listed(directory):
            journals.take(record)
    return journals.testimony(), journals.ending()


@dataclass(frozen=True, slots=True)
class LedgerTestimony:
    """What the ledger says, beside its testimony: cash taken in, refunds made, fen in doubt, bundles not posted yet,
    alarms, and what its own recount found to differ."""

    testimony: Testimony
    cash_fen: int
    refunded: int
    in_doubt_fen: int
    waiting: int
    alarms: int
    differences: tuple[str, ...]

    @property
    def settled(self) -> bool:
        """Nothing waits, nothing is in doubt, nobody was suspected, the recount agrees."""
        return not (self.waiting or self.in_doubt_fen or self.alarms or self.differences)


def hear_server(data: Path) -> LedgerTestimony:
    """Ask the ledger by `onecard server verify`."""
    answer = json.loads(_output([*ONECARD, "server", "verify", "--data", str(data), "--json"], may_fail=True))
    testimony = Testimony(answer["debited_fen"], answer["loaded_fen"], answer["records"])
    return LedgerTestimony(
        testimony,
        cash_fen=answer["cash_fen"],
        refunded=answer["refunded"],
        in_doubt_fen=answer["in_doubt_fen"],
        waiting=answer["waiting"],
        alarms=answer["alarms"],
        differences=tuple(answer["differences"]),
    )


def _listed(directory: Path) -> Iterator[dict[str, Any]]:
    for line in _output([*ONECARD, "journal", "list", str(directory), "--json"]).splitlines():
        yield json.loads(line)


def _output(command: Sequence[str], *, may_fail: bool = False) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and not (may_fail and done.stdout):
        raise BadTestimony(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")
    return done.stdout


def _read(schema: type[Any], record: dict[str, Any]) -> Any:
    """A record from its JSON line, in which bytes are hex."""
    raw = {"uid", "ring", "certificate"}
    names = [f.name for f in dataclasses.fields(schema)]
    return schema(**{name: bytes.fromhex(record[name]) if name in raw else record[name] for name in names})
