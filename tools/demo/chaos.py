"""`onecard demo --chaos`: while patrons tap and pay in, everything is killed and cut at random; then the proof.

Each witness must be the same as after a quiet day, and besides:
- whenever every process of the server is dead, each record that a terminal was told it has is in its database;
- what patrons saw paid is paid, to the count, but for terminals killed before they could show it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from tools.demo.acknowledged import check_acknowledged
from tools.demo.scene import Scene, Told
from tools.demo.storm import Blow, PayIn, Storm, Target

_PAID_IN = "150.00"  # a little less than ten taps cost: no card comes to hold more than it may
_LOOK_SECONDS = 0.05


class _Due(Protocol):
    """Something of the storm; it comes after that many taps."""

    @property
    def after(self) -> int: ...


_Each = TypeVar("_Each", bound=_Due)


def live_through(scene: Scene, storm: Storm, told: Told) -> None:
    """The whole storm; everything is up again when this returns. Raises what a part of the scene raises."""
    over = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        beside = [
            pool.submit(_each, scene, storm.blows, lambda blow: _strike(scene, blow), over),
            pool.submit(_each, scene, storm.loads, lambda load: _pay_in(scene, load), over),
        ]
        try:
            scene.live_through(storm.day, told)
        except BaseException:
            over.set()
            for running in beside:  # when one of these failed the tills were stopped: that is the cause
                running.result()
            raise
        told("the last blows")
        for running in beside:
            running.result()


def _each(scene: Scene, due: Sequence[_Each], do: Callable[[_Each], None], over: threading.Event) -> None:
    for one in due:
        while scene.done < one.after and not over.is_set():
            time.sleep(_LOOK_SECONDS)
        if over.is_set():
            return
        try:
            do(one)
        except BaseException:
            scene.end()
            raise


def _strike(scene: Scene, blow: Blow) -> None:
    match blow.target:
        case Target.SERVER:
            scene.centre.kill_all()
            check_acknowledged(scene.centre.data, (*(till.data for till in scene.tills), scene.desk.data))
            time.sleep(blow.rest_seconds)
            scene.centre.run()
        case Target.WEB | Target.WEB_WORKER | Target.KEYS | Target.POSTER:
            scene.centre.kill(blow.target.value)
        case Target.DAEMON:
            daemon = scene.tills[blow.till].daemon
            daemon.kill()
            time.sleep(blow.rest_seconds)
            daemon.start()
        case Target.DESK:
            scene.desk.station.kill()
            time.sleep(blow.rest_seconds)
            scene.desk.station.start()
        case Target.LINE:
            scene.line.cut()
            time.sleep(blow.rest_seconds)
            scene.line.heal()
    scene.blows[blow.target.value] += 1


def _pay_in(scene: Scene, load: PayIn) -> None:
    scene.load(load.card, _PAID_IN)
    scene.loads += 1
