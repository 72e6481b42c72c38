"""The demo's proof fails when any one witness says something else."""

from __future__ import annotations

import sqlite3
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from onecard.downlink import pack_acknowledgement
from onecard.inbox_names import ACKNOWLEDGEMENT
from tests.sync_daemon.keys import TERMINAL, server_sign
from tests.sync_daemon.till import make_data
from tests.sync_daemon.words import ack
from tools.demo.acknowledged import AcknowledgedLost, check_acknowledged
from tools.demo.day import Cut, Kill, Tear, draw_day
from tools.demo.proof import Proof
from tools.demo.scene import AT_ANY_MOMENT
from tools.demo.storm import Target, draw_storm
from tools.demo.witness import Ending, LedgerTestimony, Testimony

_SAID = Testimony(debited_fen=26950, loaded_fen=492000, records=82)
_ENDING = Ending(paid=18, declined=1, abandoned=1, in_doubt=0)
_LEDGER = LedgerTestimony(_SAID, cash_fen=491000, refunded=1, in_doubt_fen=0, waiting=0, alarms=0, differences=())
_PROOF = Proof(
    asked=20,
    ending=_ENDING,
    tears={},
    kills={},
    cards=_SAID,
    journals=_SAID,
    ledger=_LEDGER,
    seen_paid=18,
    handed_in_fen=491000,
)


def test_three_equal_witnesses_hold() -> None:
    assert _PROOF.holds


@pytest.mark.parametrize("field", ["debited_fen", "loaded_fen", "records"])
@pytest.mark.parametrize("witness", ["cards", "journals"])
def test_one_fen_of_difference_fails(witness: str, field: str) -> None:
    lying = replace(_SAID, **{field: getattr(_SAID, field) + 1})
    assert not replace(_PROOF, **{witness: lying}).holds


@pytest.mark.parametrize("field", ["debited_fen", "loaded_fen", "records"])
def test_a_ledger_that_differs_fails(field: str) -> None:
    lying = replace(_SAID, **{field: getattr(_SAID, field) - 1})
    assert not replace(_PROOF, ledger=replace(_LEDGER, testimony=lying)).holds


@pytest.mark.parametrize("change", [{"in_doubt_fen": 1}, {"waiting": 1}, {"alarms": 1}, {"differences": ("a purse",)}])
def test_an_unsettled_ledger_fails(change: dict[str, object]) -> None:
    assert not replace(_PROOF, ledger=replace(_LEDGER, **change)).holds  # type: ignore[arg-type]


def test_a_sale_in_doubt_fails() -> None:
    assert not replace(_PROOF, ending=Ending(paid=18, declined=1, abandoned=0, in_doubt=1)).holds


def test_a_tap_without_a_record_fails() -> None:
    assert not replace(_PROOF, asked=21).holds


def test_an_honest_card_called_behind_fails() -> None:
    assert not replace(_PROOF, ending=replace(_ENDING, behind=1)).holds


@pytest.mark.parametrize("seen", [17, 19])
def test_a_sale_paid_but_not_shown_or_shown_but_not_paid_fails(seen: int) -> None:
    assert not replace(_PROOF, seen_paid=seen).holds


def test_a_terminal_killed_at_any_moment_may_leave_no_trace_of_one_tap_or_not_show_one_that_is_paid() -> None:
    cut = replace(_PROOF, kills={AT_ANY_MOMENT: 1})
    assert replace(cut, asked=21).holds
    assert replace(cut, seen_paid=17).holds
    assert not replace(cut, asked=22).holds
    assert not replace(cut, seen_paid=16).holds
    assert not replace(cut, seen_paid=19).holds


def test_cash_that_was_booked_twice_or_not_at_all_fails() -> None:
    assert not replace(_PROOF, handed_in_fen=476000).holds
    assert not replace(_PROOF, handed_in_fen=506000).holds


@pytest.mark.parametrize("stored", [6, 7])
def test_a_record_acknowledged_and_not_there_is_told(tmp_path: Path, stored: int) -> None:
    data, server = tmp_path / "till", tmp_path / "server"
    make_data(data)
    (data / "inbox").mkdir()
    (data / "inbox" / ACKNOWLEDGEMENT).write_bytes(pack_acknowledgement(ack(7), 1, server_sign))
    server.mkdir()
    with closing(sqlite3.connect(server / "onecard.sqlite3")) as database, database:
        database.execute("CREATE TABLE ingest_record (terminal_id, sequence)")
        rows = [(TERMINAL, sequence) for sequence in range(1, stored + 1)] + [(TERMINAL + 1, 7), (TERMINAL, 8)]
        database.executemany("INSERT INTO ingest_record VALUES (?, ?)", rows)
    with nullcontext() if stored == 7 else pytest.raises(AcknowledgedLost, match="7 records are stored; 6 are there"):
        check_acknowledged(server, [data])


def test_the_same_seed_is_the_same_storm() -> None:
    assert draw_storm(7, 200, 3, 12) == draw_storm(7, 200, 3, 12)
    assert draw_storm(7, 200, 3, 12) != draw_storm(8, 200, 3, 12)


def test_a_storm_of_24_taps_kills_everything_once() -> None:
    storm = draw_storm(7, 24, 3, 6)
    assert {blow.target for blow in storm.blows} == set(Target)
    mishaps = [visit.mishap for visit in storm.day.visits]
    assert {*Kill} <= {mishap for mishap in mishaps if isinstance(mishap, Kill)}
    assert any(isinstance(mishap, Cut) for mishap in mishaps)
    assert len(storm.day.visits) == 24
    assert storm.loads


def test_the_same_seed_is_the_same_day() -> None:
    assert draw_day(7, 200, 3, 12) == draw_day(7, 200, 3, 12)
    assert draw_day(7, 200, 3, 12) != draw_day(8, 200, 3, 12)


def test_a_day_of_45_taps_holds_every_mishap_twice() -> None:
    mishaps = [(visit.mishap, visit.stays) for visit in draw_day(7, 45, 3, 12).visits]
    for stays in (True, False):
        for mishap in [*map(Tear, ("before", "erased", "half", "weak", "after")), *Kill]:
            assert (mishap, stays) in mishaps
