"""Fixtures that every kind of test shares."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED_FIXTURES = Path(__file__).parent.parent.parent / "shared" / "fixtures"


@pytest.fixture(scope="session")
def shared_fixtures() -> Path:
    """The folder of documents that the original software signed; they are no part of this repository."""
    if not SHARED_FIXTURES.is_dir():
        pytest.skip("needs the original documents in ../shared/fixtures, which are not part of this repository")
    return SHARED_FIXTURES
