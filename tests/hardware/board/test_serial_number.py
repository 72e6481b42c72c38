"""The board's serial number."""

from __future__ import annotations

from pathlib import Path

from hardware.board.serial_number import serial_number


def test_the_device_trees_text_ends_before_its_zero(tmp_path: Path) -> None:
    (tmp_path / "serial-number").write_bytes(b"10000000abcdef01\0")
    assert serial_number(tmp_path / "serial-number") == b"10000000abcdef01"


def test_a_machine_without_a_device_tree_has_none(tmp_path: Path) -> None:
    assert serial_number(tmp_path / "serial-number") == b""
