"""What every test shares."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A soak shows what it searched and with which seed, not only that it passed."""
    if terminalreporter.config.getoption("markexpr") == "soak":
        for report in terminalreporter.getreports("passed"):
            if report.capstdout:
                terminalreporter.section(report.nodeid, sep="-")
                terminalreporter.write(report.capstdout)
