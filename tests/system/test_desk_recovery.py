"""A card taken away in the middle of its issue is finished at another desk, and later gets newer keys.

Real processes, over HTTPS, by the commands that a clerk and a technician type.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hardware.cards.classic_layout import SECTORS
from hardware.virtual import card_file, classic_card
from hardware.virtual.process import VirtualReader
from tools.demo.centre import Centre
from tools.demo.processes import ONECARD, Child, wait_for

SITE = "XDA"
UID = bytes.fromhex("d610b626")
_TOML = """\
[terminal]
data = "{data}"
[reader]
device = "{reader}"
[server]
url = "{url}"
ca = "{ca}"
"""
_DAEMON_TOML = """\
[terminal]
data = "{data}"
[server]
url = "{url}"
ca = "{ca}"
[sync]
idle_seconds = 0
heartbeat_seconds = 1
"""


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    made = Centre(tmp_path, 0)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A card as from the factory."""
    file = tmp_path / "card"
    card_file.save(
        file, classic_card.blank_image(UID, [(classic_card.FACTORY_KEY, classic_card.FACTORY_KEY)] * SECTORS)
    )
    return file


class Bench:
    """A desk's reader and configuration; `onecard desk run` is started when it is wanted."""

    def __init__(self, centre: Centre, name: str, reader: VirtualReader) -> None:
        folder = centre.folder / name
        self.data = folder / "data"
        self.reader = reader
        self.config = folder / "desk.toml"
        self.station = Child(name, ["desk", "run", "--config", str(self.config)], folder / "desk.log")
        centre.enrol(SITE, self.data, desk=True)
        fields = {"data": self.data, "reader": reader.link, "url": centre.url, "ca": centre.ca}
        self.config.write_text(_TOML.format(**fields), encoding="utf-8")
        daemon = folder / "daemon.toml"
        daemon.write_text(_DAEMON_TOML.format(**fields), encoding="utf-8")
        self.daemon = Child(f"{name}-daemon", ["daemon", "run", "--config", str(daemon)], folder / "daemon.log")

    def verify(self) -> subprocess.CompletedProcess[str]:
        return onecard("card", "verify", "--data", self.data, "--device", self.reader.link)


@contextmanager
def bench(centre: Centre, name: str) -> Iterator[Bench]:
    (centre.folder / name).mkdir()
    with VirtualReader(centre.folder / name / "reader") as reader:
        made = Bench(centre, name, reader)
        try:
            yield made
        finally:
            made.station.stop()
            made.daemon.stop()


def onecard(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*ONECARD, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)


def order(centre: Centre, *arguments: str) -> int:
    done = onecard("server", "job", *arguments, "--data", centre.data, "--site", SITE)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def progress(centre: Centre, job: int) -> str:
    return onecard("server", "job", "show", "--data", centre.data, job).stdout


@pytest.mark.timeout(180)
@pytest.mark.xdist_group("demo")
def test_a_card_taken_away_is_finished_at_another_desk_and_later_given_newer_keys(centre: Centre, card: Path) -> None:
    with bench(centre, "desk-1") as first, bench(centre, "desk-2") as second:
        nothing = onecard("card", "recover", "--config", second.config)
        assert nothing.returncode == 1
        issue = order(centre, "issue", "--amount", "100")
        first.reader.command("tear before command 160")
        first.reader.command(f"place {card}")
        first.station.start()
        wait_for("the cut", lambda: "put card" in first.station.log.read_text("utf-8"), 30, first.station)
        assert progress(centre, issue).startswith("card")
        first.station.kill()
        first.reader.command(f"place {card}")
        assert first.verify().returncode == 1
        first.reader.command("remove")

        second.reader.command(f"place {card}")
        recovered = onecard("card", "recover", "--config", second.config)
        assert recovered.returncode == 0, recovered.stdout + recovered.stderr
        assert progress(centre, issue).startswith("done")
        found = second.verify()
        assert found.returncode == 0, found.stdout + found.stderr
        assert "100.00 yuan" in found.stdout

        renewed = onecard("keys", "renew", "--data", centre.data / "keys", "classic_read_write")
        assert renewed.returncode == 0, renewed.stderr
        centre.stop()
        centre.run()
        before = (second.data / "card.keys").read_bytes()
        second.reader.command("remove")
        second.station.start()
        second.daemon.start()
        wait_for("the new key", lambda: (second.data / "card.keys").read_bytes() != before, 30, second.station)
        second.station.stop()
        second.reader.command(f"place {card}")
        assert "an earlier version" in second.verify().stdout, "it knows the newer key, and nobody enrolled it again"
        renewal = order(centre, "renew-keys")
        second.station.start()
        wait_for("the renewal", lambda: progress(centre, renewal).startswith("done"), 30, second.station)
        second.station.stop()
        found = second.verify()
        assert found.returncode == 0, found.stdout + found.stderr
        assert "an earlier version" not in found.stdout
        assert "100.00 yuan" in found.stdout
