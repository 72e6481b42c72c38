"""Opens a journal as a terminal, then reads it as a technician; says how far both came.

python -m tests.crash.read_only DIRECTORY
"""

from __future__ import annotations

import sys
from pathlib import Path

from onecard.journal import BootInfo, Journal, JournalOutOfService, JournalReader
from onecard.journal.check import check_journal
from onecard.kinds import ClockQuality
from tests.crash.taps import KEY

if __name__ == "__main__":
    directory = Path(sys.argv[1])
    count = sum(1 for _ in JournalReader(directory, KEY).entries())
    assert check_journal(directory, KEY).damage == []
    try:
        boot = BootInfo(bytes(8), 1, ClockQuality.KEPT, "read only")
        Journal.open(directory, chain_key=KEY, boot=boot, random=bytes).close()
    except JournalOutOfService:
        print(f"out of service, {count} records read")
    else:
        print(f"in service, {count} records read")
