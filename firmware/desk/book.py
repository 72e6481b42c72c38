"""The desk's issues as its own journal tells them: which were begun, which are finished.

An ISSUE record is durable before the card's first write, its OUTCOME before the server is told. So a desk that was
killed anywhere knows at its start what it had begun, and never personalises a card again that it had finished and
given away.
"""

from __future__ import annotations

from firmware.logbook import Logbook
from onecard.kinds import Outcome
from onecard.records import Issue, OutcomeRecord, Record


class IssueBook:
    """Issues by job; fed at boot with every journal record, in order."""

    def __init__(self) -> None:
        self._open: dict[int, Issue] = {}
        self._finished: dict[int, Issue] = {}

    def note(self, sequence: int, record: Record) -> None:
        """Take in one record of the journal."""
        match record:
            case Issue():
                self._open[sequence] = record
            case OutcomeRecord(intent=intent, outcome=outcome) if intent in self._open:
                issue = self._open.pop(intent)
                if outcome == Outcome.ACKED:
                    self._finished[issue.job] = issue
            case _:
                pass

    def begin(self, log: Logbook, issue: Issue) -> int:
        """The sequence of the durable ISSUE record: the one an interrupted run left for this card, or a new one."""
        for sequence, begun in self._open.items():
            if (begun.job, begun.uid, begun.certificate) == (issue.job, issue.uid, issue.certificate):
                return sequence
        sequence = log.write(issue, durable=True)
        self._open[sequence] = issue
        return sequence

    def conclude(self, log: Logbook, sequence: int, outcome: Outcome) -> None:
        """Journal the durable final word: ACKED, personalised and verified; ABANDONED, the card is waste."""
        assert outcome in (Outcome.ACKED, Outcome.ABANDONED)
        log.conclude(sequence, outcome, durable=True)
        self.note(sequence, OutcomeRecord(intent=sequence, outcome=outcome, at=0))

    def finished(self, job: int) -> Issue | None:
        """The issue that finished this job here."""
        return self._finished.get(job)
