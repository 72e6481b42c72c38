"""The journal on a real, journaled ext4, cut at every flush of the device under it (docs/formats/journal.md).

The disk is a FUSE file that records what reaches it; each state is mounted, jbd2 replays, the product recovers. What
the states are and which are sampled: tools/blockdisk/states.py. Needs root, FUSE and loop devices; a machine without
them fails these tests and is told the cure.
"""

from __future__ import annotations

import json
import random

import pytest

from tools.blockdisk.sandbox import run_sandboxed

HELD = {"held"}


def prove(*arguments: object, last: int = 0, seed: int = 1) -> dict:
    """What tests/crash_block/proof.py reports; pytest shows it when the test fails."""
    said = run_sandboxed("tests.crash_block.proof", str(seed), str(last), *map(str, arguments), timeout=1000)
    report = json.loads(said)
    print(arguments, report)
    return report


def test_no_state_of_a_cut_disk_loses_a_record() -> None:
    report = prove("taps", 8, "riding", last=200)
    assert set(report["fates"]) == HELD
    assert report["status"] == 0
    assert report["judged"] == 200
    assert report["exhaustive"] > 60


@pytest.mark.parametrize("mutant", ["no-data-sync", "no-directory-sync"])
def test_a_writer_that_leaves_out_a_sync_is_caught(mutant: str) -> None:
    assert prove("taps", 30, "alone", mutant, last=150)["fates"].get("lost", 0) > 0


def test_a_failed_flush_moves_the_journal_and_loses_nothing() -> None:
    report = prove("fault", 6, "flushes", 24, last=60)
    assert set(report["fates"]) == HELD
    assert report["status"] == 0
    assert 0 < report["promises_before_fault"] < report["promises"] - 10


def test_what_a_failed_flush_left_in_the_page_cache_is_not_built_on() -> None:
    assert prove("ghost", last=1)["fates"] == {"held": 1}


def test_a_reader_of_what_a_failed_flush_left_in_the_page_cache_is_caught() -> None:
    assert prove("ghost", "keeps-cache", last=1)["fates"] == {"lost": 1}


@pytest.mark.parametrize(
    ("rival", "fates"),
    [
        ("tinydb-json", {"held", "unreadable"}),
        ("sqlite-delete-full", {"held", "lost the last"}),
        ("sqlite-delete-extra", HELD),
        ("sqlite-wal-full", HELD),
        ("lmdb", HELD),
    ],
)
def test_each_rival_meets_the_fate_it_is_known_for(rival: str, fates: set[str]) -> None:
    assert set(prove("rival", rival, 3, last=100)["fates"]) == fates


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("mode", "least"), [("alone", 800), ("riding", 2000)])
def test_no_state_of_a_long_run_loses_a_record(mode: str, least: int) -> None:
    report = prove("taps", 120, mode, seed=random.randrange(1 << 32))
    assert set(report["fates"]) == HELD
    assert report["judged"] >= least


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("call", ["flushes", "writes"])
def test_a_fault_at_any_place_of_a_run_loses_nothing(call: str) -> None:
    """ext4 itself may be left unmountable: it notes the error in its superblock, in place, which a cut then tears."""
    survived = 0
    for skip in range(0, 48, 2):
        report = prove("fault", 8, call, skip, last=30, seed=random.randrange(1 << 32))
        assert HELD <= set(report["fates"]) <= HELD | {"unmountable"}
        assert report["fates"]["held"] > 20 or report["promises"] == 0
        survived += report["status"] == 0
    assert survived > 4


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("mutant", ["no-data-sync", "no-directory-sync", "header-after-rename"])
def test_each_mutant_of_the_writer_is_caught_in_a_long_run(mutant: str) -> None:
    assert prove("taps", 40, "alone", mutant)["fates"].get("lost", 0) > 0


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("rival", "fates"),
    [
        ("tinydb-json", {"held", "unreadable"}),
        ("sqlite-delete-full", {"held", "lost the last"}),
        ("sqlite-delete-extra", HELD),
        ("sqlite-wal-full", HELD),
        ("lmdb", HELD),
    ],
)
def test_each_rival_meets_the_fate_it_is_known_for_in_every_state(rival: str, fates: set[str]) -> None:
    assert set(prove("rival", rival, 8)["fates"]) == fates
