"""What every test shares."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The whole demos first: they run one after the other, and at the end the other worker would wait for them."""
    items.sort(key=lambda item: not any(mark.args == ("demo",) for mark in item.iter_markers("xdist_group")))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A soak shows what it searched and with which seed, not only that it passed; any run, how many states it saw."""
    passed = terminalreporter.getreports("passed")
    if terminalreporter.config.getoption("markexpr") != "soak":
        for line in (line for report in passed for line in report.capstdout.splitlines() if line.startswith("saw ")):
            terminalreporter.write_line(line)
    else:
        for report in passed:
            if report.capstdout:
                terminalreporter.section(report.nodeid, sep="-")
                terminalreporter.write(report.capstdout)
