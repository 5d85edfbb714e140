"""Seeds: what is written is what a machine will read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from marketplace.sites.context import SeedError, make_seed
from tests.sites.clouds import Cloud
from tests.sites.content import ContentServer
from tests.sites.pictures import raw


def read_seed(iso: Path, folder: Path) -> dict[str, bytes]:
    subprocess.run(
        ["xorriso", "-osirrox", "on", "-indev", iso, "-extract", "/", folder], check=True, capture_output=True
    )
    return {one.name: one.read_bytes() for one in folder.iterdir()}


def require_xorriso() -> None:
    if shutil.which("xorriso") is None:
        if os.environ.get("REQUIRE_LIBVIRT"):
            pytest.fail("REQUIRE_LIBVIRT is set, and there is no xorriso")
        pytest.skip("needs xorriso")


def test_a_seed_holds_what_was_given_under_the_label_that_cloud_init_looks_for(
    cloud: Cloud, content: ContentServer
) -> None:
    require_xorriso()
    picture = raw("seeded")
    cloud.configure(subscription=f'tag = "alice@images.example.org/{picture.identifier}"')
    cloud.say(picture.draft(content.put("seeded", picture.data), tags=(picture.identifier,)))
    cloud.sync()
    user_data, iso = cloud.folder / "user-data", cloud.folder / "seed.iso"
    user_data.write_bytes(b"#cloud-config\nhostname: x\n")
    words = ("--user-data", str(user_data), "--out", str(iso), "--hostname", 'a"b: {c}')
    done = cloud.command("seed", picture.identifier, *words, "--instance", "i-1")
    assert done.returncode == 0, done.stderr
    found = read_seed(iso, cloud.folder / "read")
    assert found["user-data"] == user_data.read_bytes()
    assert json.loads(found["meta-data"]) == {"instance-id": "i-1", "local-hostname": 'a"b: {c}'}
    # The volume's name stands in the primary volume descriptor (ECMA-119, 8.4.7).
    assert iso.read_bytes()[32768 + 40 : 32768 + 72].rstrip() == b"cidata"
    assert iso.stat().st_mode & 0o777 == 0o600
    refused = cloud.command("seed", "A" * 27, *words)
    assert refused.returncode == 6


def test_what_is_no_user_data_is_refused(tmp_path: Path) -> None:
    for data in (b"", b"hello", b"#" + b"x" * (1 << 20)):
        with pytest.raises(SeedError):
            make_seed(data, "i", "h", tmp_path / "seed.iso")
    assert not list(tmp_path.iterdir())
