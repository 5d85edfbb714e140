"""A server process for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.functional.running import RunningServer, running_server
from tests.unit.cli.conftest import cli  # noqa: F401  # a fixture for those who call the command in-process


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for a module, with the default settings."""
    with running_server(tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.fixture(scope="module")
def legacy_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for a module that takes legacy entries too."""
    with running_server(tmp_path_factory.mktemp("legacy"), upload_legacy="accept") as running:
        yield running


@pytest.fixture
def http(server: RunningServer) -> Iterator[httpx.Client]:
    """A client of ``server``."""
    with server.client() as client:
        yield client


@pytest.fixture
def data_directory(tmp_path: Path) -> Path:
    """An empty directory for a server of the test's own."""
    return tmp_path


@pytest.fixture
def browser(server: RunningServer) -> Iterator[httpx.Client]:
    """A client that keeps cookies, of its own for each test."""
    with server.client() as client:
        yield client
