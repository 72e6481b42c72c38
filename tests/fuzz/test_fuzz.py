"""Anything given to a parser of outside bytes is refused by its documented error, or is a value of just these bytes.

What is searched, how far, and how a target is added: docs/fuzzing.md.
"""

from __future__ import annotations

import random
import re
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import PAGES
from tests.fuzz.corpus import KEPT, corpus
from tests.fuzz.engine import check_lines, check_memory, mutant, search
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

_EACH = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
_SOAK = 1_000_000


@_EACH
def test_every_seed_and_every_kept_file_is_judged_within_the_budget(target: Target) -> None:
    taken = []
    for raw in corpus(target):
        check_lines(target, raw)
        taken.append(check_memory(target, raw)[0])
    assert any(taken), "nothing can be learned from seeds that are all refused"


@_EACH
def test_a_bomb_costs_no_more_than_its_budget(target: Target) -> None:
    begun = next(iter(target.seeds()))
    for bomb in target.bombs().values():
        behind = [target.resealed(begun + bomb)] if target.resealed else []
        for raw in (bomb, *behind):
            check_memory(target, raw)
            check_lines(target, raw)


@_EACH
def test_a_lie_is_refused_by_name_or_is_a_value_of_its_bytes(target: Target) -> None:
    valid = corpus(target)

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.randoms(use_true_random=False).map(lambda source: mutant(target, source, valid)) | st.binary(max_size=64))
    def refused_or_agreed(raw: bytes) -> None:
        check_lines(target, raw)

    refused_or_agreed()


@pytest.mark.soak
@pytest.mark.timeout(3600)
@_EACH
def test_a_million_lies_are_refused_by_name_or_are_values_of_their_bytes(target: Target) -> None:
    seed = random.SystemRandom().getrandbits(32)
    print(f"{target.name}: seed {seed}")
    started = time.process_time()
    tally = search(target, random.Random(seed), _SOAK)
    rate = tally.inputs / (time.process_time() - started)
    print(f"{tally.inputs} inputs, {tally.taken} taken, {rate:.0f} a second of one core")
    print(f"one took at most {tally.most_memory} bytes and {tally.most_lines} lines")


def test_the_page_names_every_target() -> None:
    page = (PAGES.parent / "fuzzing.md").read_text("utf-8")
    rows = re.findall(r"^\| ([a-z0-9, -]+) \| `", page, re.MULTILINE)
    assert sorted(", ".join(rows).split(", ")) == sorted(target.name for target in TARGETS)


def test_every_kept_file_has_a_target() -> None:
    assert {folder.name for folder in KEPT.iterdir()} <= {target.name for target in TARGETS}
