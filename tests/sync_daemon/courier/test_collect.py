"""A line that is down, a laptop that carries: real processes from the terminal's journal to the centre and back."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading

import pytest

from onecard.courier_store import CourierStore
from onecard.downlink import Table
from tests.sync_daemon.courier.cable import Cable
from tests.sync_daemon.courier.conftest import ONECARD, Site, until
from tests.sync_daemon.peer import cut_reply, cut_request, reply
from tests.sync_daemon.till import table


def test_a_closed_port_answers_nobody(site: Site) -> None:
    site.till.write(3)
    site.start_daemon()
    until(lambda: "cannot be reached" in site.log)
    refused = site.collect("--host", f"127.0.0.1:{site.port}", "--wait", "0", check=False)
    assert refused.returncode == 1
    assert "tap an authorisation card" in refused.stderr
    assert site.held() == []


def test_the_port_closes_by_itself_and_at_once_when_the_word_is_gone(site: Site) -> None:
    site.start_daemon()
    site.open_port(1.0)
    until(lambda: "port is closed" in site.log)
    site.open_port()
    with socket.create_connection(("127.0.0.1", site.port)) as guest:
        site.close_port()
        guest.settimeout(5)
        assert guest.recv(1) == b""


def test_everything_arrives_by_laptop_and_the_answer_comes_back(site: Site) -> None:
    site.till.write(1200)
    site.start_daemon()
    site.open_port()
    site.line.peer.downlinks = [table(Table.TARIFF, 0, 7)]
    collected = site.collect()
    assert "1201" in collected.stdout
    assert len(site.held()) == 3
    assert [name for name in (site.till.data / "inbox").iterdir() if name.name == "acknowledgement"] == []
    delivered = site.deliver()
    assert "answers wait here for terminals 17" in delivered.stdout
    assert site.held() == []
    assert sorted(site.line.peer.records) == site.till.names
    again = site.collect()
    assert "taken" in again.stdout
    assert (site.till.data / "inbox" / "acknowledgement").exists()
    assert (site.till.data / "inbox" / "tariff").read_bytes() == site.line.peer.downlinks[0]
    assert site.status["backlog"] == 0
    assert CourierStore(site.store).replies(17) == []
    assert (site.line.peer.repeated, site.line.peer.forks) == (0, 0)


def test_the_server_cannot_tell_the_road_a_bundle_took(site: Site) -> None:
    site.till.write(9)
    site.start_daemon()
    site.open_port()
    site.collect()
    site.deliver()
    by_laptop = site.line.peer.runs[-1]
    site.kill_daemon()
    file = site.till.data / "daemon.toml"
    file.write_text(file.read_text().replace("https://127.0.0.1:1", site.line.url))
    subprocess.run([ONECARD, "daemon", "run", "--once", "--config", file], check=True, capture_output=True)
    by_line = site.line.peer.runs[-1]
    assert (by_line.first_sequence, by_line.entries, by_line.have) == (
        by_laptop.first_sequence,
        by_laptop.entries,
        by_laptop.have,
    )
    assert by_line.status[:3] == by_laptop.status[:3]
    assert site.line.peer.forks == 0


def test_a_lost_laptop_loses_nothing(site: Site) -> None:
    site.till.write(40)
    site.start_daemon()
    site.open_port()
    site.collect()
    shutil.rmtree(site.store)
    site.collect(store=site.folder / "another")
    site.deliver(store=site.folder / "another")
    assert sorted(site.line.peer.records) == site.till.names


def test_two_couriers_at_once_and_late_change_nothing(site: Site) -> None:
    site.till.write(1100)
    site.start_daemon()
    site.open_port()
    stores = [site.folder / "first", site.folder / "second"]
    threads = [threading.Thread(target=site.collect, kwargs={"store": store}) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert site.held(stores[0])[-1] == site.held(stores[1])[-1]
    site.till.write(5)
    site.collect(store=stores[1])
    for store in reversed(stores):  # the one who came last delivers first
        site.deliver(store=store)
    assert sorted(site.line.peer.records) == site.till.names
    assert site.line.peer.forks == 0
    for store in stores:  # the reply of the earlier courier says less: it is passed over
        site.collect(store=store)
    assert site.status["backlog"] == 0


def test_a_laptop_does_not_collect_twice_what_it_holds(site: Site) -> None:
    site.till.write(20)
    site.start_daemon()
    site.open_port()
    site.collect()
    site.till.write(4)
    site.collect()
    assert site.held() == [(1, 21), (22, 25)]


def test_bundles_in_any_order_and_a_failing_server_lose_nothing(site: Site) -> None:
    site.till.write(30)
    site.start_daemon()
    site.open_port()
    site.collect()
    site.till.write(30)
    site.collect()
    peer = site.line.peer
    peer.faults += [reply(404, b""), cut_request]  # the roster is not there, then the line breaks
    failed = site.deliver(check=False)
    assert failed.returncode == 1
    assert "cannot be reached" in failed.stderr
    assert len(site.held()) == 2
    peer.faults += [reply(404, b""), reply(503, b"busy")]
    assert site.deliver(check=False).returncode == 1
    assert len(site.held()) == 1
    peer.faults += [reply(404, b""), cut_reply]  # taken, and nobody heard
    assert site.deliver(check=False).returncode == 1
    assert len(site.held()) == 1
    site.deliver()
    assert sorted(peer.records) == site.till.names
    assert peer.forks == 0
    site.collect()
    assert site.status["backlog"] == 0


def test_a_bundle_that_the_server_refuses_stays_and_holds_up_no_other(site: Site) -> None:
    site.till.write(3)
    site.start_daemon()
    site.open_port()
    site.collect()
    foreign = site.store / "bundles" / "00016"
    foreign.mkdir()
    shutil.copy(CourierStore(site.store).bundles()[0].file, foreign)
    site.line.peer.faults += [reply(404, b""), reply(401, b"unknown terminal")]
    done = site.deliver(check=False)
    assert done.returncode == 1
    assert "unknown terminal" in done.stdout
    assert [bundle.terminal for bundle in CourierStore(site.store).bundles()] == [16]
    assert sorted(site.line.peer.records) == site.till.names


def test_a_daemon_killed_in_the_middle_costs_a_bundle_at_most(site: Site) -> None:
    site.till.write(3000)
    site.start_daemon()
    site.open_port()
    courier = threading.Thread(target=site.collect)
    courier.start()
    until(lambda: len(site.held()) >= 2)
    site.kill_daemon()
    site.start_daemon()
    courier.join()
    assert site.held()[-1][1] == site.till.durable
    site.deliver()
    assert sorted(site.line.peer.records) == site.till.names
    assert site.line.peer.repeated == 0


@pytest.mark.parametrize("errors", [0.0, 1e-4], ids=["clean", "1e-4"])
def test_over_a_serial_line_with_bit_errors_and_pulled_cables(site: Site, errors: float) -> None:
    site.till.write(2500)
    with Cable(site.folder, errors, seed=7) as cable:
        site.start_daemon(f'serial = "{cable.terminal}"\n')
        site.open_port()
        courier = threading.Thread(target=site.collect, args=("--serial", str(cable.laptop)))
        courier.start()
        for carried in (8_000, 16_000):
            until(lambda carried=carried: cable.carried > carried)  # type: ignore[misc]
            cable.pull()
            cable.plug()
        courier.join()
        assert site.held()[-1][1] == site.till.durable
        site.deliver()
        site.collect("--serial", str(cable.laptop))
        assert (cable.flipped > 0) == bool(errors)
    assert sorted(site.line.peer.records) == site.till.names
    assert (site.line.peer.repeated, site.line.peer.forks) == (0, 0)
    assert site.status["backlog"] == 0
    assert list((site.store / "partial").iterdir()) == []


def test_a_stick_carries_both_ways(site: Site) -> None:
    site.till.write(700)
    site.stick.mkdir()
    site.start_daemon(f'stick = "{site.stick}"\n')
    site.open_port()
    site.collect("--stick", str(site.stick))  # makes it ready
    until(lambda: "may be taken away" in site.log)
    stick = CourierStore(site.stick / "onecard")
    assert [(bundle.first, bundle.last) for bundle in stick.bundles()] == [(1, 500), (501, 701)]
    site.close_port()
    site.collect("--stick", str(site.stick))
    assert stick.bundles() == []
    site.deliver()
    site.collect("--stick", str(site.stick))
    assert stick.replies(17) != []
    site.open_port()
    until(lambda: site.log.count("may be taken away") == 2)
    assert stick.replies(17) == []
    assert site.status["backlog"] == 0
    assert sorted(site.line.peer.records) == site.till.names


def test_an_empty_mount_point_is_not_written_to(site: Site) -> None:
    site.till.write(3)
    site.stick.mkdir()
    site.start_daemon(f'stick = "{site.stick}"\nlisten = "127.0.0.1"\n')
    site.open_port()
    site.collect()
    assert list(site.stick.iterdir()) == []


def test_a_stick_can_be_delivered_as_it_is(site: Site) -> None:
    site.till.write(3)
    (site.stick / "onecard").mkdir(parents=True)
    site.start_daemon(f'stick = "{site.stick}"\n')
    site.open_port()
    until(lambda: "may be taken away" in site.log)
    site.close_port()
    site.deliver(store=site.stick / "onecard")
    site.open_port()
    until(lambda: site.status["backlog"] == 0)


def test_garbage_on_the_line_ends_nothing(site: Site) -> None:
    site.till.write(10)
    site.start_daemon()
    site.open_port()
    with socket.create_connection(("127.0.0.1", site.port)) as guest:
        guest.sendall(b"GET / HTTP/1.1\r\n\r\n\0" + bytes(range(256)) * 400)
        site.collect()
    assert site.held() == [(1, 11)]


def test_a_reply_of_a_stranger_changes_nothing(site: Site) -> None:
    site.till.write(10)
    site.start_daemon()
    site.open_port()
    held = CourierStore(site.store)
    held.keep_reply(17, 10, b"\x81\x45nonse")
    done = site.collect()
    assert "not taken" in done.stdout
    assert held.replies(17) != []
    assert site.held() == [(1, 11)]
    assert not (site.till.data / "inbox" / "acknowledgement").exists()
