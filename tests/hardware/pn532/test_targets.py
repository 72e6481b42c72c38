"""Lists of targets: real answers taken apart, cut ones refused."""

from __future__ import annotations

import pytest

from hardware.pn532.targets import MalformedTargets, parse_targets
from hardware.reader import Target

CLASSIC = bytes.fromhex("01 0004 08 04 d610b626")  # libnfc issue 684, a real card
DESFIRE = bytes.fromhex("01 0344 20 07 04782e21801d80 06 75778102 80")


@pytest.mark.parametrize("size", range(1, len(CLASSIC)))
def test_a_cut_target_is_refused(size: int) -> None:
    with pytest.raises(MalformedTargets):
        parse_targets(b"\x01" + CLASSIC[:size])


@pytest.mark.parametrize("size", range(1, len(DESFIRE)))
def test_a_cut_iso_dep_target_is_refused(size: int) -> None:
    with pytest.raises(MalformedTargets):
        parse_targets(b"\x01" + DESFIRE[:size])


@pytest.mark.parametrize(
    "answer",
    [b"", b"\x03" + 3 * CLASSIC, b"\x01" + CLASSIC + b"\x00", b"\x00\x00", b"\x01" + CLASSIC[:4] + b"\x05" + bytes(5)],
)
def test_an_answer_of_another_shape_is_refused(answer: bytes) -> None:
    with pytest.raises(MalformedTargets):
        parse_targets(answer)


def test_no_card_is_an_empty_list() -> None:
    assert parse_targets(b"\x00") == ()


def test_one_classic_card() -> None:
    uid = bytes.fromhex("d610b626")
    assert parse_targets(b"\x01" + CLASSIC) == (Target(1, bytes.fromhex("0004"), 0x08, uid, b""),)


def test_two_cards_of_both_families_are_two_targets() -> None:
    classic, desfire = parse_targets(b"\x02" + CLASSIC + b"\x02" + DESFIRE[1:])
    assert (classic.number, desfire.number) == (1, 2)
    assert desfire.uid == bytes.fromhex("04782e21801d80")
    assert desfire.ats == bytes.fromhex("7577810280")
