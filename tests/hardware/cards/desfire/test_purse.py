"""DESFire behind the card port, EV1 and EV2, on a real reader process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hardware.virtual.desfire.contents import Generation
from tests.hardware.cards.bench import ReaderBench, reader_bench
from tests.hardware.cards.conformance import CHECKS, CardBench, MakeBench
from tests.hardware.cards.desfire.bench import DesfireBench


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReaderBench]:
    """One reader process for all tests here; each lays its own card down and orders its own tear or none."""
    with reader_bench(tmp_path_factory.mktemp("reader")) as made:
        yield made


@pytest.mark.parametrize("generation", Generation, ids=lambda generation: generation.value)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.__name__))
def test_desfire_conforms(
    check: Callable[[MakeBench], None], generation: Generation, bench: ReaderBench, tmp_path: Path
) -> None:
    desfire = DesfireBench(bench, tmp_path, generation)
    desfire.present().read_ring()  # from now on the card is known: no attempt fails

    @contextmanager
    def make() -> Iterator[CardBench]:
        yield desfire

    check(make)
