"""The daemon's word on the line is only shown: whatever the file holds, the terminal goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.line_status import LineStatus, read_line_status


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"line_up": 1}', b"9" * 5000])
def test_a_file_that_is_no_status_says_that_the_line_is_down(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "status").write_bytes(raw)
    assert read_line_status(tmp_path / "status") == LineStatus()


def test_a_missing_file_says_that_the_line_is_down(tmp_path: Path) -> None:
    assert read_line_status(tmp_path / "status") == LineStatus()


def test_the_status_is_shown_as_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "status").write_text('{"line_up": true, "last_contact_at": 9, "alarm": "old", "last_error": "away"}')
    assert read_line_status(tmp_path / "status") == LineStatus(True, 9, "old", "away")
