"""Marketplaces, content and sites for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.running import RunningServer, running_server
from tests.sites.clouds import Cloud
from tests.sites.content import ContentServer, content_server


@pytest.fixture(scope="module")
def marketplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One marketplace for a module; each test uses images of its own."""
    with running_server(tmp_path_factory.mktemp("marketplace")) as running:
        yield running


@pytest.fixture
def content() -> Iterator[ContentServer]:
    with content_server() as server:
        yield server


@pytest.fixture
def cloud(tmp_path: Path, marketplace: RunningServer) -> Cloud:
    """A site that follows the marketplace, with a directory store and one subscription."""
    made = Cloud(tmp_path, marketplace)
    made.configure()
    return made
