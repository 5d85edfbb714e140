"""Which image a manifest of Packer names, and what is said where it names none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from marketplace.publishing.facts import FactsError
from marketplace.publishing.packer import find_image


def manifest(*files: dict[str, Any], **more: Any) -> bytes:
    build = {
        "name": "debian", "builder_type": "qemu", "build_time": 1764410400, "artifact_id": "VM",
        "packer_run_uuid": "second", "custom_data": None, "files": list(files) or None,
    }  # fmt: skip
    first = {**build, "packer_run_uuid": "first", "files": [{"name": "old.qcow2", "size": 1}]}
    return json.dumps({"builds": [first, build], "last_run_uuid": "second", **more}).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "debian 13").write_bytes(b"image")
    return tmp_path


IMAGE = {"name": "output/debian 13", "size": 5}


@pytest.mark.parametrize(
    "files",
    [(IMAGE,), ({"name": IMAGE["name"]},), (IMAGE, {"name": "output/debian.sha256", "size": 65})],
    ids=["one file", "without a size", "with its sums"],
)
def test_the_image_of_the_last_run_is_named(folder: Path, files: tuple[dict[str, Any], ...]) -> None:
    assert find_image(manifest(*files), folder) == folder / "output" / "debian 13"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (manifest(), "the builder qemu puts the image elsewhere"),
        (manifest(IMAGE, {"name": "output/disk-1", "size": 5}), "several files (output/debian 13, "),
        (manifest({**IMAGE, "size": 6}), "has 5 bytes, and Packer's manifest says 6"),
        (manifest({"name": "nowhere", "size": 5}), "does not exist: nowhere"),
        (manifest(IMAGE, last_run_uuid="third"), "has no builds in its last run"),
        (manifest(builds=[]), "has no builds in its last run"),
        (manifest(builds=[None, {"packer_run_uuid": "second", "files": [1, {"name": 2}]}]), "names no file"),
    ],
)  # fmt: skip
def test_a_manifest_without_one_image_says_what_to_do(folder: Path, data: bytes, words: str) -> None:
    with pytest.raises(FactsError) as caught:
        find_image(data, folder)
    assert words in str(caught.value)


@pytest.mark.parametrize("data", [b"{}", b"[]", b"", b"\xff", b'{"builds": 1}', b"[" * 100_000])
def test_what_is_no_manifest_is_left_to_others(folder: Path, data: bytes) -> None:
    assert find_image(data, folder) is None
