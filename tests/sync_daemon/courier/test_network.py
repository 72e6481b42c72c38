"""A network cable between two machines: the open port is found by mDNS, and a pulled cable costs nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from tests.sync_daemon.courier.conftest import Site, until
from tests.sync_daemon.courier.network import TERMINAL_ADDRESS, NetworkCable

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@pytest.fixture
def cable(site: Site) -> Iterator[NetworkCable]:
    with NetworkCable() as cable:
        site.daemon_in = ("ip", "netns", "exec", cable.terminal)
        site.laptop_in = ("ip", "netns", "exec", cable.laptop)
        yield cable


def test_the_open_port_is_found_and_collected_and_the_answer_handed_back(site: Site, cable: NetworkCable) -> None:
    site.till.write(600)
    site.start_daemon('listen = "0.0.0.0"\n')
    site.open_port()  # before the cable is there: its address comes later
    cable.plug()
    collected = site.collect(found=True)
    assert f"found terminal 17 (XDA) at {TERMINAL_ADDRESS} port {site.port}" in collected.stderr
    assert site.held()[-1][1] == 601
    site.laptop_in = ()
    site.deliver()
    site.laptop_in = ("ip", "netns", "exec", cable.laptop)
    assert "taken" in site.collect(found=True).stdout
    assert sorted(site.line.peer.records) == site.till.names
    assert site.status["backlog"] == 0


def test_a_closed_port_is_not_found(site: Site, cable: NetworkCable) -> None:
    cable.plug()
    site.start_daemon('listen = "0.0.0.0"\n')
    site.open_port()
    site.close_port()
    done = site.collect(found=True, check=False)
    assert done.returncode == 1
    assert "no terminal with an open port was found" in done.stderr


def test_a_cable_pulled_in_the_middle_costs_nothing(site: Site, cable: NetworkCable) -> None:
    cable.plug()
    site.till.write(6000)
    site.start_daemon('listen = "0.0.0.0"\n')
    site.open_port()
    courier = threading.Thread(target=site.collect, args=("--host", f"{TERMINAL_ADDRESS}:{site.port}"))
    courier.start()
    until(lambda: len(site.held()) >= 2)
    cable.pull()
    cable.plug()
    courier.join()
    assert site.held()[-1][1] == site.till.durable
    site.laptop_in = ()
    site.deliver()
    assert sorted(site.line.peer.records) == site.till.names
    assert site.line.peer.repeated == 0
