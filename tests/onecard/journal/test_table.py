"""TinyDB's questions over the journal, and the refusals."""

from __future__ import annotations

import itertools

import pytest
from tinydb import Query, TinyDB, where
from tinydb.table import Document

from onecard.journal import AppendOnly
from onecard.journal.table import RECORDS, JournalStorage, journal_db
from onecard.records import Applied, OutcomeRecord, Seal, encode_record


@pytest.fixture
def journal(place):
    place.create(segments=20)
    with place.open() as journal:
        for number in range(1, 31):
            journal.append(*encode_record(OutcomeRecord(number, 1 + number % 4, 1000 + number)), durable=False)
            journal.append(*encode_record(Applied(2000 + number, 1, number)), durable=False)
        yield journal


@pytest.fixture
def table(journal):
    return journal_db(journal).table(RECORDS)


@pytest.mark.parametrize(
    "change",
    [
        lambda db, t: t.update({"at": 0}),
        lambda db, t: t.update({"at": 0}, where("at") > 0),
        lambda db, t: t.update({"at": 0}, doc_ids=[2]),
        lambda db, t: t.update_multiple([({"at": 0}, where("at") > 0)]),
        lambda db, t: t.upsert({"at": 0}, where("at") > 0),
        lambda db, t: t.upsert({"kind": "SEAL", "at": 0}, where("at") == -1),
        lambda db, t: t.remove(where("at") > 0),
        lambda db, t: t.remove(doc_ids=[2]),
        lambda db, t: t.truncate(),
        lambda db, t: db.drop_table(RECORDS),
        lambda db, t: db.drop_tables(),
        lambda db, t: db.truncate(),
        lambda db, t: db.storage.write({}),
        lambda db, t: t._update_table(lambda table: table.clear()),
    ],
)
def test_changing_the_past_is_refused(journal, change):
    db = journal_db(journal)
    before = db.table(RECORDS).all()
    with pytest.raises(AppendOnly):
        change(db, db.table(RECORDS))
    assert db.table(RECORDS).all() == before


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "BOOT", "epoch": 9},
        {"kind": "SEAL"},
        {"kind": "SEAL", "at": 1, "colour": 2},
        {"kind": "SEAL", "at": -1},
        Document({"kind": "SEAL", "at": 1}, doc_id=3),
    ],
)
def test_a_document_that_is_no_record_is_not_inserted(journal, document):
    head = journal.head
    with pytest.raises((AssertionError, TypeError)):
        journal_db(journal).insert(document)
    assert journal.head == head


def test_another_table_is_refused(journal):
    with pytest.raises(AssertionError):
        journal_db(journal).table("other")


def test_queries_answer_over_all_records(table):
    record = Query()
    found = table.search((record.kind == "OUTCOME") & (record.outcome == 1))
    assert [d["intent"] for d in found] == [4, 8, 12, 16, 20, 24, 28]
    assert [d.doc_id for d in found] == [d["sequence"] for d in found] == [8, 16, 24, 32, 40, 48, 56]
    assert table.count(record.kind == "APPLIED") == 30
    assert table.get(doc_id=3) == {
        "kind": "APPLIED",
        "epoch": 1,
        "sequence": 3,
        "at": 2001,
        "table": 1,
        "version": 1,
    }
    assert table.get(where("version") == 7)["at"] == 2007
    assert table.get(doc_id=1000) is None
    assert table.contains(where("kind") == "BOOT")
    assert not table.contains(doc_id=0)
    assert [d.doc_id for d in table.get(doc_ids=[5, 2])] == [2, 5]
    assert len(table) == 61 == len(table.all()) == len(list(table))


def test_document_ids_are_sequences_and_outlive_a_restart(place, journal, table):
    assert table.insert({"kind": "SEAL", "at": 5}) == 62
    assert journal.durable_sequence == 62
    assert table.insert_multiple({"kind": "SEAL", "at": at} for at in (6, 7)) == [63, 64]
    assert journal.durable_sequence == 64
    before = table.all()
    journal.close()
    with place.open() as again:
        after = journal_db(again).all()
        assert after[:-1] == before
        assert (after[-1]["kind"], after[-1]["epoch"], after[-1].doc_id) == ("BOOT", 2, 65)


def test_inserting_what_was_found_again_makes_the_same_record(journal, table):
    found = dict(table.get(doc_id=2))
    again = table.insert(found)
    assert journal.entry(again).payload == journal.entry(2).payload


def test_results_are_copies(table):
    question = where("kind") == "OUTCOME"
    first = table.search(question)
    first[0]["intent"] = 99
    first.clear()
    table.get(doc_id=2)["intent"] = 99
    assert table.search(question)[0]["intent"] == 1
    assert table.get(doc_id=2)["intent"] == 1


def test_an_insert_is_one_append_however_long_the_journal(place, faulty_disk):
    place.create(segment_size=1 << 17, segments=4)
    disk = faulty_disk()
    with place.open(disk=disk) as journal:
        table = journal_db(journal).table(RECORDS)
        calls = []
        for total in (10, 1000):
            while journal.head[0] < total:
                journal.append(*encode_record(Seal(1)), durable=False)
            journal.flush()
            disk.calls.clear()
            table.insert({"kind": "SEAL", "at": 2})
            calls.append([name for name, _ in disk.calls])
        assert calls == [["pwrite", "fdatasync", "pwrite"]] * 2


def test_a_record_is_read_by_its_place_not_by_a_scan(place, faulty_disk):
    place.create(segment_size=1 << 17, segments=4)
    disk = faulty_disk()
    with place.open(disk=disk) as journal:
        table = journal_db(journal).table(RECORDS)
        for number in range(500):
            journal.append(*encode_record(Seal(number)), durable=False)
        table.get(doc_id=5)
        reads = itertools.count()

        def pread(descriptor, size, offset, original=disk.pread):
            next(reads)
            assert size < 5000
            return original(descriptor, size, offset)

        disk.pread = pread
        for sequence in (400, 3, 250):
            assert table.get(doc_id=sequence)["at"] == sequence - 2
        assert next(reads) == 3


def test_tinydb_itself_takes_the_storage(journal):
    db = TinyDB(journal, storage=JournalStorage)
    assert db.tables() == {RECORDS}
    assert db.table(RECORDS).count(where("kind") == "OUTCOME") == 30
    with pytest.raises(AppendOnly):
        db.table(RECORDS).insert({"kind": "SEAL", "at": 1})


def test_closing_the_database_leaves_the_journal_open(journal):
    with journal_db(journal) as db:
        db.insert({"kind": "SEAL", "at": 1})
    journal.append(*encode_record(Seal(2)), durable=True)
