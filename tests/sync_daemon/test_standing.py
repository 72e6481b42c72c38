"""Which word of the server takes the place of which (F19, F20)."""

from __future__ import annotations

import dataclasses

import pytest

from onecard.downlink import Acknowledgement, Header, Table
from onecard.inbox_names import VERSION_MAX
from sync_daemon.standing import (
    Accepted,
    Foreign,
    Refused,
    Standing,
    Unchanged,
    confirmed,
    weigh_acknowledgement,
    weigh_downlink,
)
from tests.sync_daemon.words import Own, ack, tag_of

HELD = Standing(ack(40, safe=30, generation=3), {Table.TARIFF: 7, Table.CERTIFICATES: 20})
OWN = Own(50)


@pytest.mark.parametrize(
    ("word", "verdict"),
    [
        (ack(40, 30, 3), Unchanged),
        (ack(41, 30, 3), Accepted),
        (ack(40, 31, 3), Accepted),
        (ack(41, 20, 3), Accepted),  # the centre now counts something stricter as safe
        (ack(39, 30, 3), Refused),
        (ack(40, 29, 3), Refused),
        (ack(50, 50, 2), Refused),
        (ack(10, 10, 4), Accepted),
        (ack(0, 0, 4), Accepted),
        (ack(51, 30, 3), Foreign),
        (ack(51, 30, 4), Foreign),
        (ack(45, 30, 3, tag=tag_of(44)), Foreign),
        (dataclasses.replace(ack(45, 30, 3), safe_tag=tag_of(44)), Foreign),
    ],
)
def test_acknowledgements(word: Acknowledgement, verdict: type) -> None:
    assert type(weigh_acknowledgement(word, HELD, OWN)) is verdict


@pytest.mark.parametrize(("younger", "verdict"), [(-5000, Unchanged), (599, Unchanged), (600, Accepted)])
def test_the_same_word_is_kept_again_when_it_is_much_younger(younger: int, verdict: type) -> None:
    held = Standing(dataclasses.replace(ack(40, 30, 3), server_at=10_000))
    word = dataclasses.replace(ack(40, 30, 3), server_at=10_000 + younger)
    assert type(weigh_acknowledgement(word, held, OWN)) is verdict


def test_what_was_forgotten_here_cannot_be_compared_and_is_believed() -> None:
    word = ack(8, 8, 4, tag=b"whatever")
    assert type(weigh_acknowledgement(word, HELD, Own(50, oldest=10))) is Accepted


def test_the_tag_before_the_oldest_record_is_compared() -> None:
    word = dataclasses.replace(ack(9, 9, 4), received_tag=b"whatever")
    assert type(weigh_acknowledgement(word, HELD, Own(50, oldest=10))) is Foreign


@pytest.mark.parametrize(
    ("table", "base", "version", "verdict"),
    [
        (Table.TARIFF, 0, 7, Unchanged),
        (Table.TARIFF, 0, 8, Accepted),
        (Table.TARIFF, 7, 8, Refused),
        (Table.TARIFF, 0, 6, Refused),
        (Table.TARIFF, 0, -1, Refused),
        (Table.HOTLIST, 0, 1, Accepted),
        (Table.HOTLIST, 0, 0, Unchanged),
        (Table.HOTLIST, 0, VERSION_MAX, Accepted),
        (Table.HOTLIST, 0, VERSION_MAX + 1, Refused),
        (Table.CERTIFICATES, 20, 25, Accepted),
        (Table.CERTIFICATES, 0, 25, Accepted),
        (Table.CERTIFICATES, 19, 25, Refused),
        (Table.CERTIFICATES, 21, 25, Refused),
        (Table.CERTIFICATES, 15, 20, Unchanged),
        (Table.CERTIFICATES, 15, 19, Refused),
        (Table.STATE, 0, 9, Accepted),
        (Table.STATE, 3, 9, Refused),
        (Table.KEYS, 0, 1, Accepted),
        (Table.KEYS, 1, 2, Refused),
        (Table.SETTINGS, 0, 1, Accepted),
    ],
)
def test_tables_change_from_what_is_held_and_never_back(table: Table, base: int, version: int, verdict: type) -> None:
    assert type(weigh_downlink(Header(17, table, base, version, 0, 0), HELD)) is verdict


def test_a_table_that_was_lost_begins_anew() -> None:
    standing = Standing(None, {Table.STATE: 9, Table.TARIFF: 7}).reaching({Table.STATE: 0, Table.HOTLIST: 4})
    assert standing.versions == {Table.TARIFF: 7, Table.HOTLIST: 4}
    assert type(weigh_downlink(Header(17, Table.STATE, 0, 5, 0, 0), standing)) is Accepted


def test_a_kept_acknowledgement_of_another_journal_is_dropped_and_tables_stay() -> None:
    assert confirmed(HELD, OWN) == HELD
    assert confirmed(HELD, Own(39)) == Standing(None, HELD.versions)
    assert confirmed(Standing(), Own(0)) == Standing()
