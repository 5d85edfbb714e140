"""Fixtures that every kind of test shares."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Generator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import wanting
from tests.soaking import SoakReport, Tell, tell_outcome
from tests.wanting import NO_ORIGINALS

# How long an example takes tells how busy the machine is, and nothing about the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Where a run decides about a change it must not fail, or pass, by chance.
settings.register_profile("repeatable", settings.get_profile("any machine"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "any machine"))

#: Seconds for a long form, whatever limit its short form has.
LONG_FORM = 7200

#: A file system in memory, where one is. A database waits for the disk at each commit, and no test cuts the
#: power; ``PYTEST_DEBUG_TEMPROOT`` says another place.
MEMORY = Path("/dev/shm")  # noqa: S108  # pytest makes a directory of its own there
#: Bytes that it must have free: far more than the tests write.
ROOM = 2 << 30

SHARED_FIXTURES = Path(__file__).parent.parent.parent / "shared" / "fixtures"


@pytest.fixture(scope="session")
def shared_fixtures() -> Path:
    """The folder of documents that the original software signed; they are no part of this repository."""
    if not SHARED_FIXTURES.is_dir():
        pytest.skip(NO_ORIGINALS)
    return SHARED_FIXTURES


@pytest.fixture(scope="session")
def made_alike(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same folder with documents, vectors and keys that are made now: a checkout has it by itself."""
    from tests.factories.originals import write_originals  # few tests need all that it loads

    return write_originals(tmp_path_factory.mktemp("originals"))


@pytest.fixture(scope="session", params=["made_alike", "shared_fixtures"])
def every_originals(request: pytest.FixtureRequest) -> Path:
    """First the one folder, then the other, for tests that cost little."""
    folder: Path = request.getfixturevalue(request.param)
    return folder


@pytest.fixture(scope="session")
def originals(request: pytest.FixtureRequest) -> Path:
    """The folder of the original documents where it is there, else the other: tests that start servers."""
    folder: Path = request.getfixturevalue("shared_fixtures" if SHARED_FIXTURES.is_dir() else "made_alike")
    return folder


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--soak`` runs the long forms of tests, and only those are marked so."""
    parser.addoption("--soak", action="store_true", help="run the long forms of the fault tests too")
    parser.addoption("--soak-report", type=Path, help="write what became of each test into a file")


def serves(folder: Path) -> bool:
    """Whether tests may write there: some of them run what they wrote, and some systems do not allow that."""
    if not folder.is_dir() or os.statvfs(folder).f_flag & os.ST_NOEXEC:
        return False
    return shutil.disk_usage(folder).free > ROOM


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    """Begin each test with the usual umask: commands set theirs for the rest of a process."""
    os.umask(0o022)


def pytest_configure(config: pytest.Config) -> None:
    """Have the reports written that are wanted, and the directories of tests where they are fast.

    The garbage collector runs less often than usual: it took a twentieth of the processor time of the tests.
    """
    gc.set_threshold(20_000, 10, 10)
    if serves(MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    config.pluginmanager.register(wanting, "wanting")
    path = config.getoption("--soak-report")
    if path is not None and not hasattr(config, "workerinput"):  # the workers of xdist tell their controller
        config.pluginmanager.register(SoakReport(path), "soak-report")


@pytest.fixture
def tell(record_property) -> Tell:
    """Tells the report of ``make soak`` what became of a fault."""
    return tell_outcome(record_property)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep what is loaded for all tests out of the search for unused objects.

    To go through that takes longer than many a test, and finds nothing.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@cache
def _order(file: Path) -> int:
    """When the tests of a file begin, among those of others.

    The cluster makes interfaces of the network and takes them away, and a browser gives up what it loads at
    that moment (ERR_NETWORK_CHANGED): it comes some minutes after the tests in a browser. The longest files,
    which are in ``sites``, come before the others, and the short ones of ``unit`` last, so that no process of
    the run works on alone in the end.
    """
    folder = file.relative_to(Path(__file__).parent).parts[0]
    return {"cluster": 1, "sites": 2, "unit": 4}.get(folder, 3 * (folder > "contract"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long forms to ``make soak``: pytest counts them as deselected."""
    items.sort(key=lambda item: _order(item.path))
    long_forms = [item for item in items if item.get_closest_marker("soak")]
    if config.getoption("--soak"):
        for item in long_forms:
            item.add_marker(pytest.mark.timeout(LONG_FORM), append=False)
        return
    items[:] = [item for item in items if item not in long_forms]
    config.hook.pytest_deselected(items=long_forms)
