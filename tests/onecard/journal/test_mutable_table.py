"""TinyDB over mutable tables: copies out, whole operations in, no number twice; against a plain dict too."""

from __future__ import annotations

import errno
import itertools
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tinydb import TinyDB, where
from tinydb.middlewares import CachingMiddleware
from tinydb.operations import increment
from tinydb.table import Document, Table

from onecard.journal import JournalOutOfService
from onecard.journal.mutable_change import BadChange
from onecard.journal.mutable_journal import MutableJournal, TablesFull
from onecard.journal.mutable_table import MutableStorage, tables_db

KEY = bytes(range(32))
SIZE = 16_384


def make(directory: Path, size: int = SIZE) -> None:
    MutableJournal.create(directory, terminal=9, chain_key=KEY, random=random.Random(1).randbytes, size=size)


def reopen(directory: Path, **more) -> MutableJournal:
    return MutableJournal.open(directory, chain_key=KEY, random=random.Random(2).randbytes, **more)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    make(tmp_path / "tables")
    return tmp_path / "tables"


@pytest.fixture
def journal(directory: Path):
    with reopen(directory) as journal:
        yield journal


@pytest.fixture
def db(journal: MutableJournal):
    return tables_db(journal)


@pytest.mark.parametrize(
    "document",
    [{"a": (1, 2)}, {1: "a"}, {"a": {2: 3}}, {"a": {1, 2}}, {"a": b"x"}, {"a": object()}, {"a": float("nan")}],
    ids=["tuple", "number key", "inner number key", "set", "bytes", "object", "nan"],
)
def test_what_json_would_change_is_refused_and_nothing_is_changed(directory, db, document):
    db.insert({"a": 1})
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    with pytest.raises((TypeError, ValueError)):
        db.insert(document)
    with pytest.raises((TypeError, ValueError)):
        db.update(document)
    assert db.all() == [{"a": 1}]
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before


def test_an_update_that_raises_half_way_changes_nothing(db):
    db.insert_multiple([{"n": 1}, {"n": 2}, {"m": 3}])
    with pytest.raises(KeyError):
        db.update(increment("n"))
    assert db.all() == [{"n": 1}, {"n": 2}, {"m": 3}]


@pytest.mark.parametrize(
    "verb",
    [
        lambda t: t.insert({"a": 2}),
        lambda t: t.insert_multiple([{"a": 2}, {"a": 3}]),
        lambda t: t.update({"a": 5}),
        lambda t: t.upsert({"a": 6}, where("a") == 1),
        lambda t: t.remove(where("a") == 1),
        lambda t: t.truncate(),
    ],
)
def test_a_failed_verb_leaves_results_as_the_disk_has_them(directory, faulty_disk, verb):
    disk = faulty_disk()
    journal = reopen(directory, disk=disk)
    db = tables_db(journal)
    db.insert_multiple([{"a": 1}, {"a": 9}])
    query = where("a") == 1
    assert db.search(query) == [{"a": 1}]
    calls = len(disk.calls)
    disk.faults = dict.fromkeys(range(calls, calls + 1000), errno.EIO)
    with pytest.raises(JournalOutOfService):
        verb(db)
    assert db.all() == [{"a": 1}, {"a": 9}]
    assert db.search(query) == [{"a": 1}]
    journal.close()
    disk.power_returns()
    disk.power_cut(random.Random(0))
    with reopen(directory) as journal:
        assert tables_db(journal).all() in ([{"a": 1}, {"a": 9}], db.all())


@pytest.mark.parametrize("verb", ["all", "search", "get", "iterate", "query again"])
def test_changing_a_result_changes_nothing_else(db, verb):
    stored = {"list": [1, [2]], "dict": {"a": {"b": 1}}}
    db.insert(stored)
    query = where("list").exists()
    result = {
        "all": lambda: db.all()[0],
        "search": lambda: db.search(query)[0],
        "get": lambda: db.get(doc_id=1),
        "iterate": lambda: next(iter(db)),
        "query again": lambda: (db.search(query), db.search(query))[1][0],
    }[verb]()
    result["list"][1].append(3)
    result["dict"]["a"]["b"] = 9
    result["new"] = 1
    for again in (db.all()[0], db.search(query)[0], db.get(doc_id=1), db.get(query)):
        assert again == {"list": [1, [2]], "dict": {"a": {"b": 1}}}


def test_changing_what_was_inserted_changes_nothing(db):
    document = {"list": [1]}
    db.insert(document)
    document["list"].append(2)
    nested = [7]
    db.update({"more": nested})
    nested.append(8)
    assert db.all() == [{"list": [1], "more": [7]}]


def test_a_search_sees_what_another_table_object_changed(journal):
    one, two = tables_db(journal), tables_db(journal)
    one.insert({"a": 1})
    query = where("a") == 1
    assert len(one.search(query)) == 1
    two.truncate()
    assert one.search(query) == []
    assert one.count(query) == 0


@pytest.mark.parametrize("forget", ["remove", "truncate", "drop_table", "drop_tables"])
def test_a_number_is_never_given_out_again(directory, forget):
    with reopen(directory) as journal:
        db = tables_db(journal)
        db.insert_multiple([{"a": 1}, {"a": 2}, {"a": 3}])
        {
            "remove": lambda: db.remove(where("a") > 1),
            "truncate": db.truncate,
            "drop_table": lambda: db.drop_table("_default"),
            "drop_tables": db.drop_tables,
        }[forget]()
    with reopen(directory) as journal:
        journal.compact()
    with reopen(directory) as journal:
        db = tables_db(journal)
        with pytest.raises(ValueError, match="may have been"):
            db.insert(Document({"a": 4}, 3))
        assert db.insert({"a": 4}) == 4
        assert tables_db(journal, reuse_ids=True).table("other").insert({}) == 1


@pytest.mark.parametrize("forget", ["remove", "truncate", "drop_table", "drop_tables"])
def test_tinydbs_own_numbering_is_a_switch(directory, forget):
    with reopen(directory) as journal:
        db = tables_db(journal, reuse_ids=True)
        db.insert_multiple([{"a": 1}, {"a": 2}, {"a": 3}])
        {
            "remove": lambda: db.remove(where("a") > 0),
            "truncate": db.truncate,
            "drop_table": lambda: db.drop_table("_default"),
            "drop_tables": db.drop_tables,
        }[forget]()
    with reopen(directory) as journal:
        assert tables_db(journal, reuse_ids=True).insert({"a": 4}) == 1


def test_a_number_that_a_batch_gives_twice_is_refused(db):
    """TinyDB would let the second document silently take the first one's place."""
    db.insert({"a": 1})
    with pytest.raises(ValueError, match="already exists"):
        db.insert_multiple([Document({"a": 2}, 2), {"a": 3}])
    assert db.all() == [{"a": 1}]


@pytest.mark.parametrize("number", [-1, 1 << 63])
def test_a_number_outside_the_format_is_refused(journal, db, number):
    for numbering in (db, tables_db(journal, reuse_ids=True)):
        with pytest.raises((BadChange, ValueError)):
            numbering.insert(Document({"a": 2}, number))
        assert len(numbering) == 0
    with pytest.raises(BadChange, match="at most 200 bytes"):
        db.table("院" * 67).insert({})


def test_one_verb_is_one_flush(directory, faulty_disk):
    disk = faulty_disk()
    with reopen(directory, disk=disk) as journal:
        db = tables_db(journal)
        db.insert({"a": 0})
        for verb in (
            lambda: db.insert_multiple({"a": n} for n in range(40)),
            lambda: db.update({"b": 1}),
            lambda: db.update_multiple([({"c": 1}, where("a") == 3), ({"c": 2}, where("a") == 4)]),
            lambda: db.remove(where("a") > 20),
            db.drop_tables,
        ):
            before = len(disk.calls)
            verb()
            assert [name for name, _ in disk.calls[before:]] == ["pwrite", "fdatasync", "pwrite"]
        before = len(disk.calls)
        db.table("empty")
        db.all()
        db.update({"a": 1}, where("a") == 77)
        assert [name for name, _ in disk.calls[before:]] in ([], ["pwrite", "fdatasync", "pwrite"])


def test_only_documents_that_differ_are_written(directory, db):
    """TinyDB looks at each document to find those that answer; a look is no change."""
    db.insert_multiple([{"a": n} for n in range(50)])
    before = (directory / "seg-00000001.ocj").read_bytes()
    db.update({"b": 1}, where("a") == 3)
    after = (directory / "seg-00000001.ocj").read_bytes()
    assert len(after.rstrip(b"\0")) - len(before.rstrip(b"\0")) < 100
    db.update({"b": 1}, where("a") == 3)
    assert (directory / "seg-00000001.ocj").read_bytes() == after


def test_a_table_is_replaced_in_one_operation_of_what_differs(directory, db):
    db.table("other").insert({"kept": True})
    db.replace("hotlist", {1: {"version": 1}, 2: {"part": "x" * 300}, 3: {"part": "y"}, 9: {"part": "z"}})
    generation = directory / "seg-00000001.ocj"
    before, version = generation.read_bytes(), db.storage.journal.version
    db.replace("hotlist", {1: {"version": 2}, 2: {"part": "x" * 300}, 3: {"part": "Y"}})
    assert db.storage.journal.version == version + 1
    written = sum(a != b for a, b in zip(before, generation.read_bytes(), strict=True))
    assert written < 150, "of the long document nothing is"
    assert {d.doc_id: dict(d) for d in db.table("hotlist")} == {
        1: {"version": 2},
        2: {"part": "x" * 300},
        3: {"part": "Y"},
    }
    assert len(db.table("other")) == 1
    db.replace("hotlist", {})
    assert (len(db.table("hotlist")), "hotlist" in db.tables()) == (0, True)


def test_persist_empty_makes_a_table_and_empties_none(db):
    db.table("kept").insert({"a": 1})
    db._tables.clear()
    assert db.table("kept", persist_empty=True).all() == [{"a": 1}]
    db.table("made", persist_empty=True)
    assert db.tables() == {"kept", "made"}


def test_documents_may_be_removed_while_they_are_read(db):
    db.insert_multiple([{"a": n} for n in range(5)])
    for document in db:
        db.remove(doc_ids=[document.doc_id])
    assert len(db) == 0


def test_full_tables_say_so_through_tinydb(db):
    with pytest.raises(TablesFull, match="remove documents first"):
        db.insert({"a": "x" * SIZE})
    assert len(db) == 0
    db.insert({"a": "影院" * 1000})
    assert db.all() == [{"a": "影院" * 1000}]


def test_any_table_class_and_middleware_may_write_through_the_storage(directory, journal):
    class Stock(TinyDB):
        table_class = Table

    with Stock(journal, storage=CachingMiddleware(MutableStorage)) as db:
        db.insert_multiple([{"a": 1}, {"a": 2}])
        db.remove(where("a") == 1)
        db.table("other").insert({"b": [1]})
    assert tables_db(journal).all() == [{"a": 2}]
    with Stock(journal, storage=MutableStorage) as db:
        db.update({"c": 1})
        db.drop_table("other")
        db.storage.read().clear()
    assert tables_db(journal).all() == [{"a": 2, "c": 1}]
    assert tables_db(journal).tables() == {"_default"}


def test_the_raw_table_knows_its_ids_by_their_one_spelling(journal, db):
    db.insert({"a": 1})
    raw = MutableStorage(journal).read()["_default"]
    assert list(raw.items()) == [("1", {"a": 1})]
    for key in ("01", "+1", "-1", "", "nan", "²", "2"):
        with pytest.raises(KeyError):
            raw[key]


NAMES = st.sampled_from(["config", "tariff", "影厅"])
NUMBERS = st.integers(1, 12)
DOCUMENTS = st.fixed_dictionaries(
    {"k": st.integers(0, 4)},
    optional={
        "text": st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.just("long " * 60),
        "nested": st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=2),
            max_leaves=4,
        ),
    },
)


class AgainstADict(RuleBasedStateMachine):
    """Every verb on the tables and on plain dicts; reopened and compacted at any time; numbers never twice."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.seeds = itertools.count()
        self.directory = Path(self.folder.name) / "tables"
        make(self.directory, 1 << 17)
        self.model: dict[str, dict[int, dict]] = {}
        self.used: dict[str, int] = {}
        self._open()

    def _open(self) -> None:
        self.journal = MutableJournal.open(
            self.directory, chain_key=KEY, random=random.Random(next(self.seeds)).randbytes
        )
        self.db = tables_db(self.journal)

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.journal.close()
            self.folder.cleanup()

    def _added(self, name: str, number: int, document: dict) -> None:
        assert number > self.used.get(name, 0)
        self.used[name] = number
        self.model.setdefault(name, {})[number] = document

    @rule(name=NAMES, document=DOCUMENTS)
    def insert(self, name, document):
        self._added(name, self.db.table(name).insert(document), document)

    @rule(name=NAMES, documents=st.lists(DOCUMENTS, max_size=4))
    def insert_multiple(self, name, documents):
        self.model.setdefault(name, {})
        numbers = self.db.table(name).insert_multiple(documents)
        for number, document in zip(numbers, documents, strict=True):
            self._added(name, number, document)

    @rule(name=NAMES, k=st.integers(0, 4), document=DOCUMENTS)
    def update(self, name, k, document):
        table = self.model.setdefault(name, {})
        wanted = [number for number, old in table.items() if old["k"] == k]
        assert self.db.table(name).update(document, where("k") == k) == wanted
        for number in wanted:
            table[number] = table[number] | document

    @rule(name=NAMES, number=NUMBERS, document=DOCUMENTS)
    def upsert(self, name, number, document):
        table = self.model.setdefault(name, {})
        if number in table:
            assert self.db.table(name).upsert(Document(document, number)) == [number]
            table[number] = table[number] | document
        elif number <= self.used.get(name, 0):
            with pytest.raises(ValueError, match="may have been"):
                self.db.table(name).upsert(Document(document, number))
        else:
            assert self.db.table(name).upsert(Document(document, number)) == [number]
            self._added(name, number, document)

    @rule(name=NAMES, numbers=st.lists(NUMBERS, max_size=4, unique=True))
    def remove(self, name, numbers):
        table = self.model.setdefault(name, {})
        gone = [number for number in numbers if number in table]
        assert self.db.table(name).remove(doc_ids=numbers) == gone
        for number in gone:
            del table[number]

    @rule(name=NAMES)
    def truncate(self, name):
        self.model[name] = {}
        self.db.table(name).truncate()

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def drop(self, data):
        name = data.draw(st.sampled_from(sorted(self.model)))
        del self.model[name]
        self.db.drop_table(name)

    @rule()
    def compact(self):
        self.journal.compact()

    @rule()
    def reopen(self):
        self.journal.close()
        self._open()

    @rule(name=NAMES, k=st.integers(0, 4))
    def spoil_a_result(self, name, k):
        for document in self.db.table(name).search(where("k") == k):
            document.clear()

    @invariant()
    def they_are_equal(self):
        if hasattr(self, "db"):
            assert self.db.tables() == set(self.model)
            for name, table in self.model.items():
                assert {document.doc_id: dict(document) for document in self.db.table(name)} == table
                for k in range(5):
                    assert self.db.table(name).count(where("k") == k) == sum(d["k"] == k for d in table.values())


TestAgainstADict = AgainstADict.TestCase
TestAgainstADict.settings = settings(
    max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
