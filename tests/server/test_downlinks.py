"""What goes down to a terminal: the hotlist as it stands, certificates in chunks from exactly what it has."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings

from onecard.downlink import Table, open_downlink, open_reply
from onecard.kinds import CardKind, PurseUnit
from server.cards.feed import CERTIFICATES_IN_A_CHUNK
from server.cards.models import Card, Certificate, HotlistEntry, Purse
from server.ledger.wake import listen
from server.sites.models import Site

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def ask(client, enrol):
    """Sends a heartbeat that has `have`; gives header and body of each downlink of one table."""
    teller = enrol()

    def one(table, **have):
        teller.have = {Table[name]: version for name, version in have.items()}
        response = client.post("/sync/v1/bundle", teller.bundle(1, 0), content_type="application/cbor")
        found = [open_downlink(raw, teller.public, teller.number) for raw in open_reply(response.content)[1]]
        return [(down.header, down.body(teller.sealing)) for down in found if down.header.table is table]

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
    purses = make_cards(CERTIFICATES_IN_A_CHUNK + 3)
    certify(purses)
    newest = Certificate.objects.latest("feed").feed
    (first, images), (second, rest) = ask(Table.CERTIFICATES)
    assert (first.base, second.base, second.version) == (0, first.version, newest)
    assert (len(images), len(rest)) == (CERTIFICATES_IN_A_CHUNK, 3)
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


def test_the_hotlist_says_what_counts_last(database, ask):
    [(header, body)] = ask(Table.HOTLIST)
    assert (header.base, header.version, body) == (0, 1, [])  # an empty list that was seen is not an unknown one
    for purse in make_cards(3):
        HotlistEntry.objects.create(card=purse.card, refused=True, listed_at=NOW)
    back = HotlistEntry.objects.create(card_id=2, refused=False, listed_at=NOW)
    [(header, body)] = ask(Table.HOTLIST)
    assert (header.base, header.version) == (0, 1 + back.version)
    assert body == [[1, 1], [3, 1]]
    assert ask(Table.HOTLIST, HOTLIST=1 + back.version) == []


def test_new_records_wake_the_poster_and_a_heartbeat_does_not(client, enrol):
    teller = enrol()
    with listen(Path(settings.POSTER_SOCKET), 0.2) as bell:
        client.post("/sync/v1/bundle", teller.bundle(1, 0), content_type="application/cbor")
        with pytest.raises(TimeoutError):
            bell.recv(1)
        client.post("/sync/v1/bundle", teller.bundle(), content_type="application/cbor")
        assert bell.recv(1) == b"!"
