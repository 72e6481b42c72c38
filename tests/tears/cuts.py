"""Where a step is cut, and how.

A step is a row of moments: host commands and appends to the journal, numbered from 1. In one of them the card leaves,
or the terminal's power fails (and the card's field with it). How a block write is cut is the card's matter: `Tear`.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from hardware.virtual.tear import Cut, TearMode


class Tear(NamedTuple):
    """A tear at one host command: `mode` and `kept` as in `hardware.virtual.tear.Cut`. A command that writes nothing
    is cut before it reaches the card (BEFORE) or before its answer reaches the host (AFTER).

    `loosened`: an erase that had just begun: the old bits stay, but some of them are weak (docs/purse.md, Physics).
    `stays`: the card is still there afterwards, for only its answer was lost, or the field for a moment.
    """

    mode: TearMode
    kept: int | None = None
    loosened: bool = False
    stays: bool = False

    @property
    def cut(self) -> Cut:
        """The same for the virtual card."""
        return Cut(self.mode, self.kept)


BEFORE = Tear(TearMode.BEFORE)
AFTER = Tear(TearMode.AFTER)
ANSWER_LOST = Tear(TearMode.AFTER, stays=True)


class CardLeaves(NamedTuple):
    """The card is pulled away at the host command of that moment."""

    moment: int
    tear: Tear


class PowerFails(NamedTuple):
    """The terminal's power fails in that moment: a command's card is torn, and all that was not synced may be lost, of
    a record on its way into the journal also that record itself."""

    moment: int
    tear: Tear


StepCut: TypeAlias = CardLeaves | PowerFails


class PowerCutError(Exception):
    """Inside the bench only: the terminal has no power from here on."""
