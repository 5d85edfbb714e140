"""A real libvirtd starts real domains, or does not, as the site says."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from marketplace.demo.hypervisor import MESSAGE, Hypervisor, boot_disk, running_hypervisor
from marketplace.demo.images import make_image
from marketplace.sites.decisions.hook import HookError, hook_text, install_hook, prove_hook
from tests.functional.pasting import need, paste, steps_for
from tests.sites.clouds import Cloud
from tests.sites.content import ContentServer
from tests.sites.daemons import await_true, running_site
from tests.sites.libvirts import require_libvirt
from tests.sites.pictures import Picture
from tests.waiting import HANGING


@pytest.fixture(scope="module")
def libvirt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hypervisor]:
    require_libvirt()
    with running_hypervisor(tmp_path_factory.mktemp("libvirt")) as running:
        yield running


@pytest.fixture
def pool(cloud: Cloud, libvirt: Hypervisor) -> Iterator[Cloud]:
    """A site with a libvirt pool, and its hook installed."""
    libvirt.make_pool("images", cloud.images)
    yield cloud
    libvirt.virsh("pool-destroy", "images")
    for name in libvirt.virsh("list", "--all", "--name").stdout.split():
        libvirt.virsh("destroy", "--domain", name, check=False)
        libvirt.virsh("undefine", "--domain", name)


def configure(cloud: Cloud, libvirt: Hypervisor, tag: str, text: str = "") -> None:
    store = f'type = "libvirt"\npool = "images"\nuri = "{libvirt.uri}"'
    cloud.configure(text, store=store, subscription=f'tag = "alice@images.example.org/{tag}"')


def install(cloud: Cloud, libvirt: Hypervisor, when_down: Literal["refuse", "allow"] = "refuse") -> None:
    """Install the hook, and wait until libvirt calls it."""
    why = f"marketplace site why --config {cloud.file}"
    install_hook(libvirt.hooks, hook_text(cloud.folder / "run", when_down, why))
    libvirt.reload()
    # The daemon looks for its hooks a moment after the signal.
    await_true(lambda: is_called(libvirt), "libvirt calls the hook")


def is_called(libvirt: Hypervisor) -> bool:
    try:
        return "canary" in prove_hook(libvirt.uri)
    except HookError:
        return False


def test_the_commands_of_a_page_start_a_machine(libvirt: Hypervisor, tmp_path: Path) -> None:
    # The first test of the file: the others leave a hook in libvirt.
    need("virt-install", "virtinst", "REQUIRE_LIBVIRT")
    file = tmp_path / "tiny.qcow2"
    file.write_bytes(make_image("libvirt", "qcow2", "machine"))
    libvirt.make_pool("default", tmp_path / "default")
    network = tmp_path / "network.xml"
    network.write_text("<network><name>default</name><bridge name='virbr0'/></network>")
    libvirt.virsh("net-create", str(network))
    try:
        for step in steps_for("libvirt", file):
            paste(step.line, tmp_path, LIBVIRT_DEFAULT_URI=libvirt.uri, HOME=str(tmp_path))
        assert libvirt.virsh("domstate", "a-demo-image").stdout.strip() == "running"
        said = libvirt.virsh("dumpxml", "a-demo-image").stdout
        found = re.search("<console type='pty' tty='([^']*)'", said)
        assert found is not None, said
        console = os.open(found[1], os.O_RDONLY | os.O_NOCTTY)
        told = b""
        libvirt.virsh("reset", "a-demo-image")  # what it wrote before anybody listened is lost
        while MESSAGE.encode() not in told:
            told += os.read(console, 4096)
        os.close(console)
    finally:
        libvirt.virsh("destroy", "--domain", "a-demo-image", check=False)
        libvirt.virsh("undefine", "--domain", "a-demo-image", check=False)
        libvirt.virsh("net-destroy", "default")
        libvirt.virsh("pool-destroy", "default")


def test_a_machine_starts_from_what_is_allowed_and_not_after_a_deprecation(
    pool: Cloud, content: ContentServer, libvirt: Hypervisor
) -> None:
    picture = Picture(boot_disk("allowed"), "raw")
    url = content.put("boot", picture.data)
    configure(pool, libvirt, "boot")
    pool.say(picture.draft(url, tags=("boot",)))
    with running_site(pool) as site:
        disk = pool.images / f"{picture.identifier}.raw"
        await_true(lambda: site.allows(picture.identifier) and disk.exists(), "the image is imported")
        volume = f"{picture.identifier}.raw"
        await_true(lambda: volume in libvirt.virsh("vol-list", "images").stdout, "libvirt shows the volume")
        install(pool, libvirt)
        overlay = pool.folder / "overlay.qcow2"
        make_overlay(overlay, disk)
        serial = libvirt.define("machine", disk)
        libvirt.virsh("start", "machine")
        await_true(lambda: "MARKETPLACE-VM-UP" in serial.read_text(), "the machine runs")
        libvirt.virsh("destroy", "machine")
        libvirt.define("behind", overlay, "qcow2")
        libvirt.virsh("start", "behind")
        libvirt.virsh("destroy", "behind")

        pool.say(picture.draft(url, tags=("boot",), deprecated="CVE-1"), created="2024-05-02T12:00:00Z")
        await_true(lambda: not site.allows(picture.identifier), "the image is refused")
        for name in ("machine", "behind"):
            refused = libvirt.virsh("start", name, check=False)
            assert refused.returncode != 0
            assert "refused by the marketplace site" in refused.stderr and "CVE-1" in refused.stderr
            assert f"marketplace site why --config {pool.file} {name}" in refused.stderr
        await_true(lambda: volume not in libvirt.virsh("vol-list", "images").stdout, "the volume is gone")
        why = pool.command("why", "machine")
        assert why.returncode == 6 and "CVE-1" in why.stdout and "withdrawn" in why.stdout
        site.kill()
    # Nobody answers: what the daemon left says the same.
    refused = libvirt.virsh("start", "machine", check=False)
    assert refused.returncode != 0 and "CVE-1" in refused.stderr


def make_overlay(path: Path, behind: Path) -> None:
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(behind), "-F", "raw", str(path)], check=True
    )


def test_what_is_unknown_starts_unless_the_site_is_closed(
    pool: Cloud, content: ContentServer, libvirt: Hypervisor
) -> None:
    picture = Picture(boot_disk("unknown"), "raw")
    own = pool.folder / "own.raw"
    own.write_bytes(picture.data)
    configure(pool, libvirt, "none")
    with running_site(pool):
        install(pool, libvirt)
        libvirt.define("foreign", own)
        libvirt.virsh("start", "foreign")
        libvirt.virsh("destroy", "foreign")
    with running_site(pool, MARKETPLACE_SITE_DECISION_UNKNOWN="refuse") as site:
        refused = libvirt.virsh("start", "foreign", check=False)
        assert refused.returncode != 0 and "no disk of the domain is an image of this site" in refused.stderr
        site.stop()
    refused = libvirt.virsh("start", "foreign", check=False)
    assert refused.returncode != 0 and "no disk of the domain" in refused.stderr


def test_where_nobody_answers_and_no_file_is_left_the_hook_does_as_installed(
    pool: Cloud, libvirt: Hypervisor
) -> None:
    own = pool.folder / "own.raw"
    own.write_bytes(boot_disk("down"))
    configure(pool, libvirt, "none")
    install(pool, libvirt, "allow")
    libvirt.define("alone", own)
    libvirt.virsh("start", "alone")
    libvirt.virsh("destroy", "alone")
    done = pool.command("hook", "install", "libvirt", "--folder", str(libvirt.hooks))
    assert done.returncode == 0, done.stderr
    refused = libvirt.virsh("start", "alone", check=False)
    assert refused.returncode != 0 and "no daemon answers" in refused.stderr


def test_a_hook_that_is_not_called_is_found_out(pool: Cloud, libvirt: Hypervisor) -> None:
    configure(pool, libvirt, "none")
    install(pool, libvirt)
    assert pool.command("check", "--probe", "--hooks", str(libvirt.hooks)).returncode == 0
    hook = libvirt.hooks / "50-marketplace"
    hook.chmod(0o644)
    done = pool.command("check", "--hooks", str(libvirt.hooks))
    assert done.returncode == 5 and "not executable" in done.stdout
    done = pool.command("hook", "test")
    assert done.returncode == 5 and "does not call the hook" in done.stderr
    assert "marketplace-canary" not in libvirt.virsh("list", "--all", "--name").stdout
    hook.unlink()
    assert pool.command("check", "--hooks", str(libvirt.hooks)).returncode == 5


def test_a_hook_that_gets_no_answer_does_not_wait_for_ever(pool: Cloud, libvirt: Hypervisor) -> None:
    own = pool.folder / "own.raw"
    own.write_bytes(boot_disk("silent"))
    configure(pool, libvirt, "none")
    install(pool, libvirt)
    run = pool.folder / "run"
    run.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(run / "answer.sock"))
        silent.listen(5)
        libvirt.define("silent", own)
        began = time.monotonic()
        refused = libvirt.virsh("start", "silent", check=False)
        assert refused.returncode != 0 and "no daemon answers" in refused.stderr
        assert time.monotonic() - began < HANGING
