"""daemon.toml, read strictly."""

from __future__ import annotations

from pathlib import Path

import pytest

from onecard.durable_file import NotReadable
from onecard.strict_toml import BadConfig
from sync_daemon.config import Config, read_config
from sync_daemon.courier.settings import CourierSettings
from sync_daemon.pace import Pace

LEAST = '[terminal]\ndata = "data"\n[server]\nurl = "https://one.example:8443/"\nca = "/etc/ca.pem"\n'


def config(tmp_path: Path, text: str) -> Config:
    (tmp_path / "daemon.toml").write_text(text)
    return read_config(tmp_path / "daemon.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"daemon\.toml: \[server\] url: it is missing|\[terminal\] data: it is missing"),
        (
            LEAST + "[sync]\nidel_seconds = 3\n",
            r"\[sync\] idel_seconds: this key is not known; allowed here: idle",
        ),
        (
            LEAST + "[sync]\nheartbeat_seconds = 0\n",
            r"\[sync\] heartbeat_seconds: 0 is given; a whole number from 1",
        ),
        (
            LEAST + "[sync]\nretry_first_ms = 9\n",
            r"\[sync\] retry_first_ms: 9 is given; a whole number from 10 to 60000",
        ),
        (LEAST + "[sync]\nretry_cap_seconds = 3601\n", r"retry_cap_seconds: 3601 is given; a whole number from 1 to"),
        (LEAST + "[sync]\nidle_seconds = 61\n", r"idle_seconds: 61 is given; a whole number from 0 to 60"),
        (LEAST + "[journal]\n", r"daemon\.toml: journal: this key is not known; allowed here: server, terminal, sync"),
        (
            LEAST + '[courier]\nlisten = "laptop"\n',
            r"\[courier\] listen: 'laptop' is given; an address",
        ),
        (LEAST + "[courier]\nport = 0\n", r"\[courier\] port: 0 is given; a whole number from 1 to 65535"),
        (LEAST + "[courier]\nusb = true\n", r"\[courier\] usb: this key is not known"),
        (LEAST.replace("https:", "http:"), r"\[server\] url: 'http://one\.example:8443/' is given; https://host or"),
    ],
)
def test_a_wrong_setting_names_file_table_and_key(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadConfig, match=words):
        config(tmp_path, text)


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "daemon.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadConfig, match="not UTF-8"):
        read_config(tmp_path / "daemon.toml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotReadable, match=r"give the path of a daemon\.toml"):
        read_config(tmp_path / "daemon.toml")


def test_paths_are_seen_from_the_file_and_defaults_stand(tmp_path: Path) -> None:
    assert config(tmp_path, LEAST) == Config(
        tmp_path / "data", "https://one.example:8443", Path("/etc/ca.pem"), Pace(1, 30, 0.5, 300), CourierSettings()
    )


def test_every_setting_is_taken_from_the_file(tmp_path: Path) -> None:
    sync = "[sync]\nidle_seconds = 0\nheartbeat_seconds = 2\nretry_first_ms = 30\nretry_cap_seconds = 4\n"
    assert config(tmp_path, LEAST + sync).pace == Pace(0, 2, 0.03, 4)


def test_the_courier_s_lines_are_taken_from_the_file(tmp_path: Path) -> None:
    lines = '[courier]\nserial = "/dev/ttyS1"\nbaud = 115200\nlisten = "0.0.0.0"\nport = 7000\nstick = "stick"\n'
    assert config(tmp_path, LEAST + lines).courier == CourierSettings(
        Path("/dev/ttyS1"), 115_200, "0.0.0.0", 7000, tmp_path / "stick"
    )
