"""Seeds: what is written is what a machine will read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from marketplace.sites.contextualization import ContextError, read_context
from marketplace.sites.seed import SeedError, make_seed
from tests.sites.clouds import Cloud
from tests.sites.content import ContentServer
from tests.sites.pictures import raw


def read_seed(iso: Path, folder: Path) -> dict[str, bytes]:
    subprocess.run(
        ["xorriso", "-osirrox", "on", "-indev", f"stdio:{iso}", "-extract", "/", folder],
        check=True,
        capture_output=True,
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


CONTEXT = rb"""#!/bin/sh
# it's made by OpenNebula
export STRATUSLAB_NODE="one two"
PUBLIC_KEY='ssh-rsa AAAA # me
OTHER=not a variable'; PASSWORD="s\"ecret"
EC2_USER_DATA="I2Nsb3VkLWNvbmZpZwo="
NOTHING=
DANGER=$(touch /tmp/x)
"""


def old_disk(folder: Path, **files: bytes) -> Path:
    """A context as OpenNebula makes it."""
    source = folder / "old"
    source.mkdir()
    for name, data in files.items():
        (source / name.replace("_sh", ".sh")).write_bytes(data)
    words = [
        "xorriso",
        "-as",
        "mkisofs",
        "-quiet",
        "-output",
        folder / "old.iso",
        "-V",
        "CONTEXT",
        "-J",
        "-R",
    ]
    subprocess.run([*words, source], check=True, capture_output=True)
    return folder / "old.iso"


def test_a_context_that_is_there_is_kept_and_shown(cloud: Cloud, content: ContentServer) -> None:
    require_xorriso()
    picture = raw("context")
    cloud.configure(subscription=f'tag = "alice@images.example.org/{picture.identifier}"')
    cloud.say(picture.draft(content.put("context", picture.data), tags=(picture.identifier,)))
    cloud.sync()
    old = old_disk(cloud.folder, context_sh=CONTEXT, prolog_sh=b"#!/bin/sh\n")
    iso = cloud.folder / "seed.iso"
    for number, source in enumerate((old, cloud.folder / "old")):
        done = cloud.command("seed", picture.identifier, "--context", str(source), "--out", str(iso))
        assert done.returncode == 0, done.stderr
        assert "kept context.sh, prolog.sh of" in done.stderr and "ecret" not in done.stderr
        assert "STRATUSLAB_NODE, PUBLIC_KEY, PASSWORD, EC2_USER_DATA, NOTHING, DANGER" in done.stderr
        found = read_seed(iso, cloud.folder / f"read-{number}")
        assert found["context.sh"] == CONTEXT and set(found) == {
            "context.sh", "prolog.sh", "user-data", "meta-data",
        }  # fmt: skip
        assert found["user-data"] == b"#cloud-config\n"
    (cloud.folder / "old" / "user-data").write_bytes(b"#")
    done = cloud.command(
        "seed", picture.identifier, "--context", str(cloud.folder / "old"), "--out", str(iso)
    )
    assert done.returncode != 0 and "cloud-init's own files" in done.stderr


def test_what_a_context_sets_is_read_and_not_run(tmp_path: Path) -> None:
    (tmp_path / "context.sh").write_bytes(CONTEXT)
    found = read_context(tmp_path)
    assert found.variables["STRATUSLAB_NODE"] == "one two"
    assert found.variables["PUBLIC_KEY"] == "ssh-rsa AAAA # me\nOTHER=not a variable"
    assert found.variables["PASSWORD"] == 's"ecret' and found.variables["NOTHING"] == ""
    assert found.variables["DANGER"].startswith("$(touch") and found.user_data == b"#cloud-config\n"
    assert "ecret" not in repr(found)


@pytest.mark.parametrize("kind", ["nothing", "none of it", "link", "many", "large", "no disk", "a huge disk"])
def test_what_is_no_context_is_refused(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "context.sh").write_bytes(b"A=1\n")
    source = folder
    if kind == "nothing":
        source = tmp_path / "nowhere"
    elif kind == "none of it":
        (folder / "context.sh").rename(folder / "other.sh")
    elif kind == "link":
        (folder / "passwd").symlink_to("/etc/passwd")
    elif kind == "many":
        for number in range(64):
            (folder / f"file-{number}").touch()
    elif kind == "large":
        with (folder / "file").open("wb") as file:
            file.truncate((16 << 20) + 1)
    else:
        source = tmp_path / "disk.iso"
        with source.open("wb") as file:
            file.truncate(1 << 20 if kind == "no disk" else (16 << 20) + 1)
    with pytest.raises(ContextError):
        read_context(source)


def test_what_is_no_user_data_is_refused(tmp_path: Path) -> None:
    for data in (b"", b"hello", b"#" + b"x" * (1 << 20)):
        with pytest.raises(SeedError):
            make_seed(data, "i", "h", tmp_path / "seed.iso")
    assert not list(tmp_path.iterdir())
