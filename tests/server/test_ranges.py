"""The arithmetic of held sequences, against plain sets."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from server.ingest.ranges import Held, complement, overlaps

RUNS = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9)).map(lambda run: (run[0], run[0] + run[1])), max_size=9)


def spread(ranges):
    return {sequence for first, last in ranges for sequence in range(first, last + 1)}


@given(RUNS)
def test_runs_in_any_order_are_held_as_a_set_would_hold_them(runs):
    held, model = Held(0, ()), set()
    for first, last in runs:
        fresh = held.fresh(first, last)
        assert spread(fresh) == set(range(first, last + 1)) - model
        assert spread(complement(first, last, fresh)) == set(range(first, last + 1)) & model
        held = held.with_run(first, last)
        model |= set(range(first, last + 1))
        assert spread(held.gaps) == set(range(1, held.highest + 1)) - model
        assert list(held.gaps) == sorted(held.gaps)
        assert set(range(1, held.received + 1)) <= model
        assert held.received + 1 not in model
        assert all(held.holds(sequence) == (sequence in model) for sequence in range(1, 60))


@given(RUNS)
def test_the_same_run_again_is_never_fresh(runs):
    held = Held(0, ())
    for first, last in runs:
        held = held.with_run(first, last)
        assert held.fresh(first, last) == []
        assert held.with_run(first, last) == held


@given(RUNS, RUNS)
def test_the_acknowledgement_passes_only_gaps_that_are_told_lost_as_a_whole(runs, told):
    held, model = Held(0, (), tuple(told)), set()
    for first, last in runs:
        held = held.with_run(first, last)
        model |= set(range(first, last + 1))
        excused = model | spread(told)
        assert set(range(1, held.received + 1)) <= excused
        assert held.received == 0 or held.received in model, "a lost record has no tag to name"
        beyond = next((s for s in range(held.received + 1, held.highest + 1) if s in model), None)
        assert beyond is None or not set(range(held.received + 1, beyond)) <= excused


@given(RUNS, RUNS)
def test_what_is_told_lost_is_neither_held_nor_taken_away(runs, told):
    plain, excused = Held(0, ()), Held(0, (), tuple(told))
    for first, last in runs:
        assert plain.fresh(first, last) == excused.fresh(first, last)
        plain, excused = plain.with_run(first, last), excused.with_run(first, last)
        assert (plain.highest, plain.gaps) == (excused.highest, excused.gaps)
        assert plain.received <= excused.received


@example([(1, 8), (2, 3)], (1, 9))
@given(RUNS, st.tuples(st.integers(1, 40), st.integers(0, 9)))
def test_overlaps_and_their_complement_are_the_whole(ranges, run):
    first, last = run[0], run[0] + run[1]
    parts = overlaps(first, last, ranges)
    whole = set(range(first, last + 1))
    assert spread(parts) == spread(ranges) & whole
    assert spread(complement(first, last, parts)) == whole - spread(ranges)
