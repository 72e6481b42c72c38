"""The courier's store: what stays, what goes, and names that come from anywhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from onecard.courier_link.messages import CHUNK_SIZE, REPLY_MAX, Parcel
from onecard.courier_store import CourierStore
from onecard.durable_file import NotKept


@pytest.fixture
def store(tmp_path: Path) -> CourierStore:
    return CourierStore(tmp_path / "store")


def _parcel(first: int, last: int, content: bytes) -> Parcel:
    return Parcel(0, hashlib.sha256(content).digest(), len(content), first, last, last.to_bytes(8, "big"))


def _keep(store: CourierStore, first: int, last: int, content: bytes = b"bundle", terminal: int = 17) -> None:
    store.keep_bundle(terminal, _parcel(first, last, content), content)


def test_an_empty_store_holds_nothing_and_makes_nothing(store: CourierStore) -> None:
    assert (store.bundles(), store.replies(17), store.terminals()) == ([], [], [])
    assert store.continued_after(17, 5) == (0, b"")
    assert not store.root.exists()


def test_bundles_come_back_by_terminal_and_record(store: CourierStore) -> None:
    _keep(store, 501, 900, b"second")
    _keep(store, 1, 500, b"first")
    _keep(store, 1, 9, b"another", terminal=16)
    assert [(held.terminal, held.first, held.last, held.read()) for held in store.bundles()] == [
        (16, 1, 9, b"another"),
        (17, 1, 500, b"first"),
        (17, 501, 900, b"second"),
    ]
    assert [held.first for held in store.bundles(17)] == [1, 501]


def test_a_damaged_bundle_is_not_read(store: CourierStore) -> None:
    _keep(store, 1, 500)
    (held,) = store.bundles()
    held.file.write_bytes(b"bundlf")
    assert held.read() is None


def test_names_that_are_not_of_the_shape_are_left_alone(store: CourierStore) -> None:
    _keep(store, 1, 500)
    (held,) = store.bundles()
    folder = held.file.parent
    for name in ("autorun.inf", ".hidden.bundle", held.file.name + ".exe", held.file.name.upper(), "1-2-3-4.bundle"):
        (folder / name).write_bytes(b"x")
    (folder / "000000000009-000000000008-0000000000000009-0000000000000000.bundle").write_bytes(b"x")
    (folder / ("0" * 12 + "-000000000008-0000000000000009-0000000000000000.bundle")).write_bytes(b"x")
    for name in ("00000", "99999", "1", "../17", "x"):
        (store.root / "bundles" / name).mkdir(parents=True, exist_ok=True)
        (store.root / "bundles" / name / held.file.name).write_bytes(b"x")
    assert store.bundles() == [held]
    assert store.terminals() == [17]


def test_links_and_what_is_too_large_are_left_alone(store: CourierStore, tmp_path: Path) -> None:
    _keep(store, 1, 500)
    (held,) = store.bundles()
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    other = held.file.name.replace("000000000500", "000000000501")
    (held.file.parent / other).symlink_to(secret)
    (store.root / "bundles" / "00018").symlink_to(held.file.parent)
    large = held.file.parent / held.file.name.replace("000000000500", "000000000502")
    with large.open("wb") as file:
        file.truncate(REPLY_MAX + 1)
    assert store.bundles() == [held]


def test_collecting_goes_on_behind_what_is_held_without_a_hole(store: CourierStore) -> None:
    _keep(store, 1, 500, b"a")
    _keep(store, 400, 900, b"b")
    _keep(store, 1000, 1100, b"c")
    assert store.continued_after(17, 0) == (900, (900).to_bytes(8, "big"))
    assert store.continued_after(17, 950) == (0, b"")
    assert store.continued_after(17, 999) == (1100, (1100).to_bytes(8, "big"))
    assert store.continued_after(16, 0) == (0, b"")


def test_the_newest_reply_and_the_one_to_the_highest_record_stay(store: CourierStore) -> None:
    kept = []
    for last, reply in ((500, b"a"), (1000, b"b"), (700, b"c"), (600, b"d"), (1000, b"e"), (1200, b"f")):
        store.keep_reply(17, last, reply)
        kept.append([held.read() for held in store.replies(17)])
    assert kept == [[b"a"], [b"b"], [b"b", b"c"], [b"b", b"d"], [b"e"], [b"f"]]


def test_chunks_are_kept_in_any_order_and_a_torn_end_costs_one(store: CourierStore) -> None:
    parcel = _parcel(1, 500, b"x" * 3000)
    partial = store.partial(17, parcel)
    assert partial.chunks() == {}
    partial.begin()
    partial.add(2, b"x" * 952)
    partial.add(0, b"x" * CHUNK_SIZE)
    (file,) = (store.root / "partial").iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    assert partial.chunks() == {2: b"x" * 952}
    assert store.partial(17, _parcel(1, 500, b"y")).chunks() == {}


def test_nonsense_in_the_place_of_chunks_is_nothing(store: CourierStore) -> None:
    partial = store.partial(17, _parcel(1, 500, b"x"))
    partial.begin()
    partial.add(0, b"x")
    (file,) = (store.root / "partial").iterdir()
    file.write_bytes(bytes(range(200)))
    assert all(len(content) <= CHUNK_SIZE for content in partial.chunks().values())


def test_only_the_bundle_under_way_keeps_its_chunks(store: CourierStore) -> None:
    old, new = _parcel(1, 500, b"old"), _parcel(1, 600, b"new")
    other = store.partial(18, old)
    for partial in (store.partial(17, old), other, store.partial(17, new)):
        partial.begin()
        partial.add(0, b"abc")
    assert store.partial(17, old).chunks() == {}
    assert store.partial(17, new).chunks() == other.chunks() == {0: b"abc"}
    _keep(store, 1, 600, b"new")
    assert store.partial(17, new).chunks() == {}


def test_a_full_disk_is_named(store: CourierStore) -> None:
    store.root.write_bytes(b"a file in the way")
    with pytest.raises(NotKept):
        _keep(store, 1, 500)
