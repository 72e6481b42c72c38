"""What a terminal holds of the server's word, and whether a new word may take its place. Pure.

Rules
- Nothing goes back: generation, acknowledged head within a generation, table versions. A packed table that was lost is
  held no more, and begins anew.
- An acknowledgement counts only when its tags are those of our own chain (F19); a new generation may acknowledge less
  than the one before it: the server was restored from a backup, and what it lost is offered again (F20).
- A head that is not ours — beyond our journal, or with another tag — is an alarm and never believed: nothing is
  forgotten on its word.
- A table changes from exactly the version held; base 0 replaces it whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from onecard.downlink import Acknowledgement, Header, Table
from onecard.inbox_names import SNAPSHOT_TABLES, VERSION_MAX
from onecard.table_versions import follows

FRESH_SECONDS = 600
"""An acknowledgement that says the same is kept again when it is this much younger: the firmware learns from it the
time, and that its tables are still the newest. Not each one: flash wears."""


class Chain(Protocol):
    """Our own journal, as far as an acknowledgement is compared with it."""

    @property
    def oldest(self) -> int:
        """Sequence of the oldest record kept; 1 when there is none yet."""

    def tag(self, sequence: int) -> bytes | None:
        """The 8-byte chain tag at `sequence` (≥ oldest − 1), None beyond the end. Raises `JournalError`."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The new word takes the place of the old one."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """It says nothing that is not known: a repetition."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Well signed, and yet it changes nothing here."""

    why: str


@dataclass(frozen=True, slots=True)
class Foreign:
    """An acknowledged head that is not ours: somebody must look."""

    why: str


Verdict: TypeAlias = Accepted | Unchanged | Refused | Foreign


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest acknowledgement believed, and the version held of each table."""

    acknowledgement: Acknowledgement | None = None
    versions: Mapping[Table, int] = field(default_factory=dict)

    @property
    def received(self) -> int:
        """The last record the server is known to have; 0 for none."""
        return self.acknowledgement.received if self.acknowledgement else 0

    def holding(self, header: Header) -> Standing:
        """With that table version held."""
        return Standing(self.acknowledgement, {**self.versions, header.table: header.version})

    def reaching(self, versions: Mapping[Table, int]) -> Standing:
        """With these table versions held; a 0 is none."""
        held = {table: version for table, version in {**self.versions, **versions}.items() if version}
        return Standing(self.acknowledgement, held)

    def acknowledged(self, ack: Acknowledgement) -> Standing:
        """With that acknowledgement believed."""
        return Standing(ack, self.versions)


def weigh_acknowledgement(ack: Acknowledgement, standing: Standing, chain: Chain) -> Verdict:
    """Whether a verified acknowledgement for this terminal may be believed. Raises `JournalError`."""
    assert 0 <= ack.safe <= ack.received, "opening refuses what cannot be"
    held = standing.acknowledgement
    if held is not None and ack.generation < held.generation:
        return Refused(f"an old acknowledgement: server generation {ack.generation}, {held.generation} is known")
    foreign = _foreign_head(ack.received, ack.received_tag, chain) or _foreign_head(ack.safe, ack.safe_tag, chain)
    if foreign is not None:
        return foreign
    if held is None or ack.generation > held.generation:
        return Accepted()
    if (ack.received, ack.safe) < (held.received, held.safe):
        return Refused(
            f"an old acknowledgement: up to {ack.received} (safe {ack.safe}), {held.received} (safe {held.safe}) is "
            "known; if this stays, the server was restored from a backup without raising its generation"
        )
    if (ack.received, ack.safe) > (held.received, held.safe) or ack.server_at >= held.server_at + FRESH_SECONDS:
        return Accepted()
    return Unchanged()


def weigh_downlink(header: Header, standing: Standing) -> Verdict:
    """Whether a verified downlink for this terminal may be kept."""
    name = header.table.name.lower()
    held = standing.versions.get(header.table, 0)
    if header.version == held:
        return Unchanged()
    if not held < header.version <= VERSION_MAX:
        return Refused(f"{name} version {header.version}: version {held} is held, and versions never go back")
    if header.table in SNAPSHOT_TABLES and header.base != 0:
        return Refused(
            f"{name} version {header.version}: only whole tables are carried, this one changes {header.base}"
        )
    if not follows(held, header.base, header.version):
        return Refused(f"{name} version {header.version}: it changes version {header.base}, and {held} is held")
    return Accepted()


def confirmed(standing: Standing, chain: Chain) -> Standing:
    """A kept standing, without its acknowledgement when that is not of this journal: then everything is offered again,
    which costs time and no record. Raises `JournalError`."""
    ack = standing.acknowledgement
    if ack is None or isinstance(weigh_acknowledgement(ack, Standing(), chain), Accepted):
        return standing
    return Standing(None, standing.versions)


def _foreign_head(sequence: int, tag: bytes, chain: Chain) -> Foreign | None:
    if sequence < max(chain.oldest - 1, 1):
        return None  # nothing acknowledged, or what we have already forgotten: nothing left to compare with
    own = chain.tag(sequence)
    if own is None:
        return Foreign(
            f"the server has record {sequence} and this journal does not reach it: this terminal's storage was put "
            "back to an earlier state, or another one bears its number; call the centre, enrol it anew"
        )
    if own != tag:
        return Foreign(
            f"the server has another record {sequence} than this journal: a copy of this terminal is at work, or "
            "its storage was put back to an earlier state; call the centre, enrol it anew"
        )
    return None
