"""Somebody who sees the site for the first time gets there, in few steps."""

from __future__ import annotations

from pathlib import Path

from marketplace.demo.images import make_image
from tests.browser.conftest import Opener
from tests.browser.walks import (
    Walk,
    measured,
    to_a_published_image,
    to_a_verified_download,
    to_who_endorsed_a_file,
)
from tests.functional.running import RunningServer


def test_a_download_that_is_verified_takes_two_pages(
    visit: Opener, site: RunningServer, tmp_path: Path
) -> None:
    walk = measured(Walk(visit().page, tmp_path), site.url, to_a_verified_download)
    assert (walk.clicks, walk.keys) == (4, 6)


def test_who_endorsed_a_file_is_one_search(visit: Opener, site: RunningServer, tmp_path: Path) -> None:
    file = tmp_path / "mine.qcow2"
    file.write_bytes(make_image("debian-13", "qcow2", "machine"))
    walk = measured(Walk(visit().page, tmp_path), site.url, lambda walk: to_who_endorsed_a_file(walk, file))
    assert walk.clicks == 2 and walk.keys < 30


def test_an_image_is_published_with_one_form_and_three_commands(
    visit: Opener, site: RunningServer, tmp_path: Path
) -> None:
    file = tmp_path / "walk.img"
    file.write_bytes(make_image("walk", "raw", "machine"))
    opened = visit()
    walk = measured(Walk(opened.page, tmp_path), site.url, lambda walk: to_a_published_image(walk, file))
    assert walk.clicks == 13
