"""What goes down to a terminal: each table from exactly what it has, in chunks that follow each other.

That any sequence of changes asked from any base ends in one table is in test_table_feeds.py.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.db import transaction

from onecard.downlink import Table, open_acknowledgement, open_downlink, open_reply
from onecard.hotlist import number_bytes
from onecard.identity import CardNumber
from onecard.kinds import CardKind, PurseUnit
from onecard.packed_table import PackedTable, open_change
from onecard.state_table import ROW_SIZE, STATE
from server.cards.models import Card, Certificate, HotlistEntry, Purse
from server.cards.state import STATE_FIELDS, restate, row_of
from server.ingest.changes import CHUNKS_IN_A_REPLY, ROWS_IN_A_CHUNK, changes, newest_versions
from server.ledger.wake import listen
from server.sites.models import Site, Terminal

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def heartbeat(client, enrol):
    """Sends a heartbeat that has `have`; gives the acknowledgement, and header and body of each downlink."""
    teller = enrol()

    def one(**have):
        teller.have = {Table[name]: version for name, version in have.items()}
        response = client.post("/sync/v1/bundle", teller.bundle(1, 0), content_type="application/cbor")
        ack, downlinks = open_reply(response.content)
        found = [open_downlink(raw, teller.public, teller.number) for raw in downlinks]
        return open_acknowledgement(ack, teller.public, teller.number), [
            (down.header, down.body(teller.sealing)) for down in found
        ]

    return one


@pytest.fixture
def ask(heartbeat):
    """Header and body of each downlink of one table to a terminal that has `have`."""

    def one(table, **have):
        return [(header, body) for header, body in heartbeat(**have)[1] if header.table is table]

    return one


@pytest.fixture
def reborn(settings_of, tmp_path):
    """Speaks for another generation of the database meanwhile."""

    def one(generation):
        (tmp_path / "generation").write_text(f"{generation}\n")
        return settings_of(GENERATION_FILE=tmp_path / "generation")

    return one


def make_cards(count):
    site = Site.objects.get(code="WDK")
    cards = Card.objects.bulk_create(
        Card(
            number=number,
            uid=number.to_bytes(7, "big"),
            kind=CardKind.STORED_VALUE,
            expiry=NOW.date(),
            site=site,
            issued_at=NOW,
        )
        for number in range(1, count + 1)
    )
    return Purse.objects.bulk_create(
        Purse(card=card, uid=card.uid, purse=0, unit=PurseUnit.FEN, tier=1, load_sequence=1, loaded=1) for card in cards
    )


def certify(purses, load_sequence=1):
    Certificate.objects.bulk_create(
        Certificate(
            purse=purse,
            load_sequence=load_sequence,
            loaded=1,
            delta=1,
            floor_counter=2,
            floor_debited=0,
            reason=Certificate.Reason.LOAD,
            image=purse.pk.to_bytes(48, "big") + load_sequence.to_bytes(48, "big"),
            issued_at=NOW,
        )
        for purse in purses
    )


def test_certificates_come_in_chunks_that_follow_each_other(database, ask):
    size = ROWS_IN_A_CHUNK[Table.CERTIFICATES]
    purses = make_cards(size + 3)
    certify(purses)
    newest = Certificate.objects.latest("feed").feed
    (first, images), (second, rest) = ask(Table.CERTIFICATES)
    assert (first.base, second.base, second.version) == (0, first.version, newest)
    assert (len(images), len(rest)) == (size, 3)
    assert len({*images, *rest}) == len(purses)
    [(again, images)] = ask(Table.CERTIFICATES, CERTIFICATES=first.version)
    assert (again.base, again.version, images) == (second.base, second.version, rest)
    assert ask(Table.CERTIFICATES, CERTIFICATES=newest) == []


def test_a_superseded_certificate_is_not_sent_and_the_version_moves_on(database, ask):
    purses = make_cards(2)
    certify(purses)
    Purse.objects.filter(pk=purses[0].pk).update(load_sequence=2)
    certify(purses[:1], 2)
    [(header, images)] = ask(Table.CERTIFICATES)
    assert [int.from_bytes(image[48:], "big") for image in images] == [1, 2]
    assert header.version == Certificate.objects.latest("feed").feed
    Purse.objects.update(load_sequence=9)
    [(header, images)] = ask(Table.CERTIFICATES)
    assert images == []
    assert ask(Table.CERTIFICATES, CERTIFICATES=header.version) == []


def listed(*numbers):
    return b"".join(number_bytes(CardNumber(number)) for number in numbers)


def test_the_hotlist_says_what_counts_last(database, ask):
    [(header, body)] = ask(Table.HOTLIST)
    assert (header.base, header.version, body) == (0, 1, [b""])  # an empty list that was seen is not an unknown one
    for purse in make_cards(3):
        HotlistEntry.objects.create(card=purse.card, refused=True, listed_at=NOW)
    back = HotlistEntry.objects.create(card_id=2, refused=False, listed_at=NOW)
    [(header, body)] = ask(Table.HOTLIST)
    assert (header.base, header.version) == (0, 1 + back.version)
    assert body == [listed(1, 3)]
    assert ask(Table.HOTLIST, HOTLIST=1 + back.version) == []


def test_a_delta_of_the_hotlist_names_each_card_once(database, ask):
    make_cards(3)
    for number, refused in ((1, True), (2, True), (1, False), (3, True), (3, False), (3, True)):
        HotlistEntry.objects.create(card_id=number, refused=refused, listed_at=NOW)
    [(header, body)] = ask(Table.HOTLIST, HOTLIST=2)
    assert (header.base, header.version) == (2, 7)
    assert body == [listed(2, 3), listed(1)]
    [(header, body)] = ask(Table.HOTLIST, HOTLIST=6)
    assert (header.base, header.version, body) == (6, 7, [listed(3), b""])


def state(count):
    """So many purses with rows; the number of the newest."""
    purses = make_cards(count)
    with transaction.atomic():
        restate(purses)
        Purse.objects.bulk_update(purses, STATE_FIELDS)
    return purses


def test_a_row_that_changed_twice_between_two_questions_is_sent_once(database, ask):
    purses = state(3)
    for loaded in (2, 3):
        purses[0].loaded = loaded
        with transaction.atomic():
            restate(purses)
            purses[0].save()
    [(header, body)] = ask(Table.STATE, STATE=3)
    assert (header.base, header.version) == (3, 5)
    assert body == [row_of(purses[0]), b""]
    assert ask(Table.STATE, STATE=5) == []


def state_changes(rows_in_a_chunk, base=0):
    """The changes of the state table alone, so many rows at once."""
    newest = {Table.STATE: newest_versions(1)[Table.STATE]}
    return list(changes({Table.STATE: base}, newest, 1, {Table.STATE: rows_in_a_chunk}))


def test_the_state_table_is_split_at_the_limit_and_begins_with_a_snapshot(database):
    purses = state(5)
    found = state_changes(2)
    assert [(change.base, change.version) for change in found] == [(0, 2), (2, 4), (4, 5)]
    assert [len(change.body) for change in found] == [1, 2, 2]
    assert [len(change.body[0]) // ROW_SIZE for change in found] == [2, 2, 1]
    table = PackedTable(STATE)
    for change in found:
        table = table.apply(open_change(STATE, change.base, change.version, change.body))
    assert table.rows == b"".join(row_of(purse) for purse in purses)


def test_a_chunk_that_is_full_and_last_is_the_last(database):
    state(4)
    assert [change.version for change in state_changes(2)] == [2, 4]


def test_a_chunk_stays_below_a_mebibyte():
    assert ROWS_IN_A_CHUNK[Table.STATE] * ROW_SIZE < 1 << 20


def test_more_than_a_reply_carries_comes_with_the_next(database):
    state(CHUNKS_IN_A_REPLY + 2)
    assert [change.version for change in state_changes(1)] == [*range(1, CHUNKS_IN_A_REPLY + 1)]
    rest = state_changes(1, CHUNKS_IN_A_REPLY)
    assert [change.version for change in rest] == [CHUNKS_IN_A_REPLY + 1, CHUNKS_IN_A_REPLY + 2]


def test_an_acknowledgement_names_what_its_reply_leads_to(database, heartbeat):
    ack, downlinks = heartbeat()
    told = {Table.TARIFF: 1, Table.SETTINGS: 1, Table.KEYS: 1}
    assert ack.newest == {Table.HOTLIST: 1, Table.CERTIFICATES: 0, Table.STATE: 0, **told}
    certify(state(3))
    HotlistEntry.objects.create(card_id=2, refused=True, listed_at=NOW)
    ack, downlinks = heartbeat()
    assert {header.table: header.version for header, _ in downlinks} == ack.newest
    ack, downlinks = heartbeat(**{Table(table).name: version for table, version in ack.newest.items()})
    assert downlinks == []
    assert ack.newest == {Table.HOTLIST: 2, Table.CERTIFICATES: 3, Table.STATE: 3, **told}


def test_what_changes_while_a_reply_is_made_leads_beyond_what_the_acknowledgement_names(database):
    """Another writer commits between the question for the newest versions and the rows."""
    purses = state(2)
    newest = newest_versions(1)
    purses[0].loaded = 9
    with transaction.atomic():
        restate(purses)
        purses[0].save()
    HotlistEntry.objects.create(card_id=2, refused=True, listed_at=NOW)
    certify(purses)
    found = list(changes({Table.TARIFF: 1, Table.SETTINGS: 1}, {**newest, Table.CERTIFICATES: 1}, 1))
    assert {change.table: change.version for change in found} == {
        Table.HOTLIST: 2,
        Table.CERTIFICATES: 2,
        Table.STATE: 3,
    }
    [rows] = [change.body[0] for change in found if change.table is Table.STATE]
    assert rows == b"".join(row_of(purse) for purse in purses)


def test_a_terminal_of_the_servers_earlier_life_is_started_anew(database, ask, reborn):
    state(2)
    with reborn(2):
        for held in (0, 1, 2, 5_000_000):
            [(header, body)] = ask(Table.STATE, STATE=held, HOTLIST=held)
            assert (header.base, header.version, len(body)) == (0, (1 << 32) + 2, 1)
            [(header, body)] = ask(Table.HOTLIST, HOTLIST=held)
            assert (header.base, header.version, body) == (0, (1 << 32) + 1, [b""])
        [(header, body)] = ask(Table.STATE, STATE=(1 << 32) + 1)
        assert (header.base, header.version, len(body)) == ((1 << 32) + 1, (1 << 32) + 2, 2)
        assert ask(Table.STATE, STATE=(1 << 32) + 2) == []


def test_an_empty_table_of_a_new_life_is_sent_too(database, ask, reborn):
    """Else a terminal would keep the rows that the server lost."""
    with reborn(3):
        [(header, body)] = ask(Table.STATE, STATE=7)
        assert (header.base, header.version, body) == (0, 2 << 32, [b""])
        assert ask(Table.STATE, STATE=2 << 32) == []


def test_nothing_is_sent_to_a_terminal_that_claims_a_version_never_given(database, ask):
    state(1)
    for absurd in (2, 1 << 32, (1 << 40) + 5, (1 << 63) - 1):
        assert ask(Table.STATE, STATE=absurd) == []


def test_the_versions_a_terminal_holds_are_noted(database, ask, reborn):
    ask(Table.STATE, STATE=(1 << 32) + 5, HOTLIST=(1 << 32) + 6)
    held = Terminal.objects.get()
    assert (held.have_state, held.have_hotlist) == ((1 << 32) + 5, (1 << 32) + 6)


def test_new_records_wake_the_poster_and_a_heartbeat_does_not(client, enrol):
    teller = enrol()
    with listen(Path(settings.POSTER_SOCKET), 0.2) as bell:
        client.post("/sync/v1/bundle", teller.bundle(1, 0), content_type="application/cbor")
        with pytest.raises(TimeoutError):
            bell.recv(1)
        client.post("/sync/v1/bundle", teller.bundle(), content_type="application/cbor")
        assert bell.recv(1) == b"!"
