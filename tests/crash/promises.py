"""What the workload promised up to a point of its trace, read from the lines it said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from onecard.records import RecordKind
from tests.crash.calls import Call, Say


class Written(NamedTuple):
    """A record as handed to the journal; a BOOT's payload is the journal's own, None."""

    epoch: int
    kind: int
    payload: bytes | None


@dataclass(frozen=True, slots=True)
class Promise:
    """At one point: the last sequence promised to be durable, and the last handed over; `made`, whether a journal
    was promised to be there at all."""

    made: bool = False
    durable: int = 0
    written: int = 0
    kept_from: int = 1  # records below it may have been given up


def history(calls: list[Call]) -> dict[int, Written]:
    """Every record of the run, by sequence; the last may never have been finished."""
    records: dict[int, Written] = {}
    epoch = 0
    for call in calls:
        match call:
            case Say(("opening",)):
                epoch += 1
                records[len(records) + 1] = Written(epoch, RecordKind.BOOT, None)
            case Say(("begin", kind, *payload)):
                records[len(records) + 1] = Written(epoch, int(kind), bytes.fromhex("".join(payload)))
            case Say(("done", sequence, in_epoch, _)):
                assert (int(sequence), int(in_epoch)) == (len(records), epoch), "the journal numbers records wrongly"
            case _:
                pass
    return records


def promises(calls: list[Call]) -> list[Promise]:
    """What was promised before call n, for each n, and after all of them."""
    now = Promise()
    told = [now]
    for call in calls:
        match call:
            case Say(("created",)):
                now = replace(now, made=True)
            case Say(("opening",) | ("begin", *_)):
                now = replace(now, written=now.written + 1)
            case Say(("releasing", first)):
                now = replace(now, kept_from=int(first))
            case Say(("opened", _, durable) | ("flushed", durable) | ("done", durable, _, "1")):
                now = replace(now, durable=int(durable))
            case _:
                pass
        told.append(now)
    return told
