"""What the key process's log allows, whatever the web process asks."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from onecard.identity import card_number
from onecard.purse.certificate import Certificate, open_certificate
from server.keyd.client import KeyProcess, KeyProcessRefused
from server.keyd.issued import Reason
from server.keyd.statement import BALANCE_MOST_FEN
from server.keyd.store import ISSUED_LOG


@pytest.mark.parametrize("load_sequence", [0, 2, 3])
def test_a_first_certificate_with_another_l_than_one_is_refused(
    keyd: KeyProcess, statement: Certificate, load_sequence: int
) -> None:
    with pytest.raises(KeyProcessRefused, match="1 is next"):
        keyd.issue_certificate(replace(statement, load_sequence=load_sequence), Reason.ISSUE, 0)


@pytest.mark.parametrize("load_sequence", [0, 3, 10])
def test_l_that_does_not_rise_by_one_is_refused(keyd: KeyProcess, statement: Certificate, load_sequence: int) -> None:
    keyd.issue_certificate(statement, Reason.ISSUE, 0)
    with pytest.raises(KeyProcessRefused, match="2 is next"):
        keyd.issue_certificate(replace(statement, load_sequence=load_sequence), Reason.LOAD, 0)


def test_another_statement_at_an_issued_l_is_refused(keyd: KeyProcess, statement: Certificate) -> None:
    keyd.issue_certificate(statement, Reason.ISSUE, 0)
    with pytest.raises(KeyProcessRefused, match="other contents"):
        keyd.issue_certificate(replace(statement, loaded=statement.loaded + 1), Reason.ISSUE, 1)


def test_a_repeated_statement_gives_the_same_bytes(keyd: KeyProcess, statement: Certificate) -> None:
    first = keyd.issue_certificate(statement, Reason.ISSUE, 100_00)
    second = replace(statement, load_sequence=2, loaded=150_00)
    keyd.issue_certificate(second, Reason.LOAD, 50_00)
    assert keyd.issue_certificate(statement, Reason.ISSUE, 100_00) == first


def test_a_card_keeps_its_number_in_every_purse(keyd: KeyProcess, statement: Certificate) -> None:
    keyd.issue_certificate(statement, Reason.ISSUE, 0)
    for other in (replace(statement, load_sequence=2), replace(statement, purse=1)):
        with pytest.raises(KeyProcessRefused, match="for ever"):
            keyd.issue_certificate(replace(other, card_number=card_number(2)), Reason.LOAD, 0)


def test_a_number_belongs_to_one_card(keyd: KeyProcess, statement: Certificate) -> None:
    keyd.issue_certificate(statement, Reason.ISSUE, 0)
    with pytest.raises(KeyProcessRefused, match="for ever"):
        keyd.issue_certificate(replace(statement, uid=bytes.fromhex("0a1b2c3e")), Reason.ISSUE, 0)


@pytest.mark.parametrize(
    "wrong",
    [{"loaded": -1}, {"loaded": 1 << 32}, {"uid": b"\1\2\3"}, {"card_number": 12}, {"purse": 16}, {"expiry": 1 << 16}],
)
def test_a_field_out_of_its_bounds_is_refused(
    keyd: KeyProcess, statement: Certificate, wrong: dict[str, object]
) -> None:
    with pytest.raises(KeyProcessRefused, match="certificate statement"):
        keyd.issue_certificate(replace(statement, **wrong), Reason.ISSUE, 0)  # type: ignore[arg-type]


def test_no_certificate_leaves_more_to_spend_than_any_card_may_hold(keyd: KeyProcess, statement: Certificate) -> None:
    spent = replace(statement, floor_counter=9, floor_debited=500_00, loaded=500_00 + BALANCE_MOST_FEN)
    with pytest.raises(KeyProcessRefused, match="at most is signed"):
        keyd.issue_certificate(replace(spent, loaded=spent.loaded + 1), Reason.REFUND, 1)
    assert keyd.issue_certificate(spent, Reason.ISSUE, 0)


def test_the_certificate_says_what_was_stated_under_the_issuers_key(keyd: KeyProcess, statement: Certificate) -> None:
    image = keyd.issue_certificate(statement, Reason.ISSUE, 0)
    assert open_certificate(image, keyd.server_public(), statement.uid, 0) == replace(statement, key_id=1)


def test_the_latest_certificate_is_found_after_a_rolled_back_transaction(
    keyd: KeyProcess, statement: Certificate
) -> None:
    assert keyd.latest_certificate(statement.uid, 0) is None
    keyd.issue_certificate(statement, Reason.ISSUE, 0)
    second = keyd.issue_certificate(replace(statement, load_sequence=2), Reason.RENEWAL, 0)
    assert keyd.latest_certificate(statement.uid, 0) == second
    assert keyd.latest_certificate(statement.uid, 1) is None


def test_reason_and_change_are_recorded_and_rows_never_change(
    keyd: KeyProcess, directory: Path, statement: Certificate
) -> None:
    keyd.issue_certificate(statement, Reason.ISSUE, 100_00)
    keyd.issue_certificate(replace(statement, load_sequence=2, loaded=60_00), Reason.CLAW_BACK, -40_00)
    with sqlite3.connect(directory / ISSUED_LOG) as database:
        rows = database.execute("SELECT load_sequence, reason, delta, at FROM certificate ORDER BY 1").fetchall()
        assert rows == [(1, Reason.ISSUE, 100_00, 1_700_000_000), (2, Reason.CLAW_BACK, -40_00, 1_700_000_000)]
        for change in ("UPDATE certificate SET delta = 0", "DELETE FROM certificate"):
            with pytest.raises(sqlite3.IntegrityError):
                database.execute(change)


def test_the_log_is_readable_to_its_owner_only(keyd: KeyProcess, directory: Path, statement: Certificate) -> None:
    keyd.issue_certificate(statement, Reason.ISSUE, 0)
    for path in directory.iterdir():
        assert path.stat().st_mode & 0o077 == 0
