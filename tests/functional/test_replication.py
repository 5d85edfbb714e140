"""Real servers that follow each other: what is uploaded at one is at all, soon, once, and after restarts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.sites import sites, until


@pytest.fixture
def identity() -> object:
    return make_identity()


def test_an_upload_at_one_site_reaches_the_other_also_after_restarts(
    tmp_path: Path, identity: object
) -> None:
    with sites(tmp_path, 2) as (a, b):
        b.follow(a)
        first = signed(image(content="first", title="First"), identity)
        path = a.upload(first)
        until(lambda: b.has(path, first), "the upload is at the other site")
        b.stop()
        second = signed(image(content="second", title="Second"), identity)
        path2 = a.upload(second)
        b.start()
        until(lambda: b.has(path2, second), "what was uploaded meanwhile is there after a restart")
        assert b.has(path, first)
