"""TinyDB's own tests pass on the mutable journal, with TinyDB's own rule for ids.

The tests come from TinyDB's source distribution, pinned by hash in requirements/tinydb-suite.txt and fetched by pip
once into build/; none of them is in this repository. Without a network the first run fails, and says so.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[3]
PIN = ROOT / "requirements" / "tinydb-suite.txt"
PLACE = ROOT / "build" / "tinydb-suite"
ON_OURS = 78
"""Of the suite's tests: 67 by its fixture `db`, 11 by a path."""

pytestmark = pytest.mark.xdist_group("tinydb-suite")


@pytest.fixture(scope="module")
def source() -> Path:
    """The pinned source distribution. pip builds nothing of it: it reads the metadata, with the locked hatchling."""
    wanted, digest = re.search(r"^tinydb==(\S+).*?sha256:(\w{64})", PIN.read_text(), re.S | re.M).groups()
    assert wanted == version("tinydb"), f"{PIN.name} pins another version than dev.txt installs"
    file = PLACE / f"tinydb-{wanted}.tar.gz"
    if not file.exists() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--require-hashes"]
        pip += ["--no-deps", "--no-binary", "tinydb", "--no-build-isolation", "-r", str(PIN), "-d", str(PLACE)]
        file.unlink(missing_ok=True)
        fetched = subprocess.run(pip, capture_output=True, text=True, timeout=100, check=False)
        if fetched.returncode:
            pytest.fail(f"pip could not fetch TinyDB's sources; connect to a package index once\n{fetched.stderr}")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == digest
    return file


@pytest.fixture(scope="module")
def run(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], set[str], str]:
    """Outcome by test, the tests that used our journal, and what the suite printed."""
    place = tmp_path_factory.mktemp("suite")
    with tarfile.open(source) as archive:
        tests = [member for member in archive if member.name.split("/")[1] == "tests"]
        archive.extractall(place, members=tests, filter="data")
    (folder,) = place.glob("tinydb-*/tests")
    report, outcome = place / "users.json", place / "outcome.xml"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": str(Path(__file__).parent), "ONECARD_SUITE_REPORT": str(report)}
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", os.devnull]
    pytest_ += ["-p", "tinydb_suite_plugin", "--rootdir", str(folder.parent), f"--junitxml={outcome}", str(folder)]
    # PyYAML is none of ours; this test is about a storage that it makes itself
    pytest_ += ["--deselect", f"{folder.name}/test_storages.py::test_yaml"]
    printed = subprocess.run(
        pytest_, cwd=place, env=environment, capture_output=True, text=True, timeout=100, check=False
    ).stdout
    cases = {
        f"{case.get('classname')}::{case.get('name')}": next((child.tag for child in case), "passed")
        for case in ET.parse(outcome).iter("testcase")
    }
    return cases, set(json.loads(report.read_text())), printed


def test_every_test_of_tinydb_passes(run):
    cases, _, printed = run
    assert {name: outcome for name, outcome in cases.items() if outcome != "passed"} == {}, printed
    assert len(cases) >= 200


def test_they_ran_on_the_mutable_journal(run):
    _, users, _ = run
    assert sum(name.endswith("[json]") for name in users) == 67
    assert len(users) == ON_OURS, sorted(name for name in users if not name.endswith("[json]"))
