"""The server as it is run: real processes, TLS, a poster that posts, children that come back, an orderly end."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from onecard.downlink import open_acknowledgement, open_reply
from onecard.enrolment import Request, open_answer, pack_request
from onecard.envelope import open_envelope
from onecard.notify import Notifier, Pulse
from server.supervisor import Child, Supervisor

ONECARD = [sys.executable, "-m", "tools.cli"]


def onecard(*arguments, check=True):
    done = subprocess.run([*ONECARD, *arguments], capture_output=True, text=True, check=False, env=environment())
    assert not check or done.returncode == 0, done.stderr
    return done


def environment():
    return {name: value for name, value in os.environ.items() if not name.startswith(("ONECARD", "DJANGO"))}


def alive(pid):
    """Whether a process runs still; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def data():
    with tempfile.TemporaryDirectory(prefix="onecard-") as place:  # short: a unix socket's path has 107 bytes at most
        yield Path(place) / "server"


@pytest.fixture
def manager(data):
    """A service manager's ear."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"{data.parent}/notify")
        manager.settimeout(15)
        yield manager


class Running:
    def __init__(self, data, **told):
        self.data, self.port = data, free_port()
        command = [*ONECARD, "server", "run", "--data", str(data), "--port", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment() | told)
        for line in self.process.stdout:
            if line.startswith("ready https://"):
                break
        else:
            raise AssertionError("the server ended before it was ready")
        self.context = ssl.create_default_context(cafile=str(data / "tls" / "ca.pem"))

    def post(self, path, body):
        url = f"https://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, body, {"Content-Type": "application/cbor"})
        with urllib.request.urlopen(request, context=self.context, timeout=20) as response:
            return response.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        rest = self.process.stdout.read()
        return self.process.wait(20), rest

    def children(self):
        """Process ids by what the command lines hold, from /proc."""
        found = {}
        for children in Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            for pid in map(int, children.read_text().split()):
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                found |= {name: pid for name in ("keys serve", "poster", "granian") if name in command}
        return found


def enrolled(running, make_teller):
    """A terminal let in by a token."""
    token = onecard("server", "token", "--data", str(running.data), "--site", "WDK").stdout.strip()
    signing, sealing = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
    request = Request(token, signing.public_key().public_bytes_raw(), sealing.public_key().public_bytes_raw(), "t")
    answer = running.post("/enrol/v1", pack_request(request, signing.private_bytes_raw()))
    identity = open_answer(open_envelope(answer), sealing.private_bytes_raw())
    return make_teller(identity, signing.private_bytes_raw(), sealing.private_bytes_raw())


def test_a_server_is_made_run_fed_killed_in_part_and_stopped(data, make_teller, manager):
    said = onecard("server", "init", "--data", str(data)).stdout
    assert re.search(r"manager: admin  password: \S{12}", said)
    assert onecard("server", "init", "--data", str(data), check=False).returncode == 1
    assert (data / "onecard.sqlite3").stat().st_mode & 0o077 == 0
    assert (data / "tls" / "server.key").stat().st_mode & 0o077 == 0

    running = Running(data, NOTIFY_SOCKET=f"{data.parent}/notify", WATCHDOG_USEC="60000000")
    try:
        said = set()
        while b"READY=1" not in said:
            said.add(manager.recv(64))
        assert said == {b"WATCHDOG=1", b"READY=1"}
        teller = enrolled(running, make_teller)
        ack, _ = open_reply(running.post("/sync/v1/bundle", teller.bundle()))
        assert open_acknowledgement(ack, teller.public, teller.number).received == 1

        os.kill(running.children()["keys serve"], signal.SIGKILL)
        deadline = time.monotonic() + 15
        while True:
            try:
                ack, _ = open_reply(running.post("/sync/v1/bundle", teller.bundle()))
                break
            except urllib.error.HTTPError as error:
                assert error.code == 503
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert open_acknowledgement(ack, teller.public, teller.number).received == 1

        recount = json.loads(onecard("server", "verify", "--data", str(data), "--json").stdout)
        while recount["waiting"]:
            time.sleep(0.1)
            recount = json.loads(onecard("server", "verify", "--data", str(data), "--json").stdout)
        assert recount["differences"] == []
        children = running.children()
    finally:
        code, rest = running.stop()
    assert code == 0
    while manager.recv(64) != b"STOPPING=1":
        pass
    assert rest.splitlines()[-1] == "stopped"
    assert len(children) == 3
    assert not any(map(alive, children.values()))

    killed = Running(data)
    children = killed.children()
    killed.process.kill()
    killed.process.wait()
    killed.process.stdout.close()
    deadline = time.monotonic() + 15
    while any(map(alive, children.values())):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_web_worker_does_not_outlive_its_master(tmp_path):
    """Both would answer on the port."""
    worker = tmp_path / "worker"
    master = f"sleep 600 & echo $! > {worker}.new && mv {worker}.new {worker} && wait"
    again = tmp_path / "again"
    child = Child("web", ["bash", "-c", f"[ -e {worker} ] && touch {again} && exec sleep 600; {master}"])
    supervisor = Supervisor([child], os.environ, lambda line: None)
    pids = []

    def ready():
        if worker.exists() and not pids:
            pids.append(int(worker.read_text()))
            os.kill(child.process.pid, signal.SIGKILL)
        return again.exists()

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        supervisor.run(ready, lambda: signal.raise_signal(signal.SIGTERM), Pulse(Notifier(), None))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert pids
    assert not alive(pids[0])


def test_a_command_on_an_empty_directory_names_the_cure(tmp_path):
    done = onecard("server", "run", "--data", str(tmp_path), check=False)
    assert done.returncode == 1
    assert "onecard server init" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_backup_is_put_back_as_the_next_generation(data):
    onecard("server", "init", "--data", str(data))
    place = data.parent / "elsewhere"
    assert "up to bundle 0" in onecard("server", "backup", "--data", str(data), "--to", str(place)).stdout
    assert (place / "copy-mark").read_text() == "onecard-copy 1 1 0\n"
    (data / "onecard.sqlite3").unlink()
    arguments = ("server", "restore", "--data", str(data), "--from", str(place))
    assert "no cinema has the code" in onecard(*arguments, "--site", "NOWHERE", check=False).stderr
    done = onecard(*arguments, "--site", "XDA")
    assert "as generation 3" in done.stdout  # a life is never spoken for twice, nor a failed attempt's
    assert "known again: 0 terminals, 0 cards, loads of 0.00 yuan" in done.stdout
    assert json.loads(onecard("server", "verify", "--data", str(data), "--json").stdout)["differences"] == []
