"""The commands of an image's page, pasted into a shell.

What is run nowhere: ``incus``, which Debian 12 does not have (its commands are those of ``lxc``, which is run
here as far as ``launch``: that needs vhost_vsock), and ``terraform``, which neither Debian nor the package
index has: a parser reads what is pasted. ``terraform init`` and ``apply`` would fetch the provider from
Terraform's registry, which no test asks.
tests/sites runs the others: ``openstack`` in test_glance.py, ``virsh``, ``virt-install`` in test_libvirt.py
and ``marketplace site import`` in test_image_commands.py.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace.demo.content import serving
from marketplace.demo.hypervisor import MESSAGE
from marketplace.demo.images import make_image
from tests.dialects.clients import run
from tests.functional.pasting import commands, need, paste, steps_for
from tests.functional.running import STOP_SECONDS
from validators.lxd import fingerprint_of, metadata_archive


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A real image, and the address of the server that has it and packed forms of it."""
    need("qemu-img", "qemu-utils", "REQUIRE_QEMU_IMG")
    folder = tmp_path_factory.mktemp("content")
    tiny = folder / "tiny.qcow2"
    tiny.write_bytes(make_image("tiny", "qcow2", "machine"))
    (folder / "tiny.qcow2.gz").write_bytes(gzip.compress(tiny.read_bytes()))
    (folder / "odd name; touch taken.qcow2").write_bytes(tiny.read_bytes())
    with serving(folder) as url:
        yield tiny, url


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tiny.qcow2", {}),
        ("tiny.qcow2.gz", {"compression": "gz"}),
        (
            "odd%20name;%20touch%20taken.qcow2",
            {"title": "$(touch taken) `touch taken` ${x} \u202e"},
        ),
    ],
)
def test_what_is_downloaded_is_checked_and_becomes_a_disk(content, tmp_path, name, said):
    tiny, base = content
    use = commands(tiny, f"{base}/{name}", **said)
    told = [paste(step.line, tmp_path) for step in use.get]
    assert told[-1].rstrip().endswith(": OK")
    platforms = {one.key: one.steps for one in use.platforms}
    assert set(platforms) == {"openstack", "libvirt", "qemu", "incus", "terraform"}
    for step in (*platforms["qemu"][:1], *platforms["incus"][:2], *platforms["terraform"][:2]):
        paste(step.line, tmp_path)
    (disk,) = tmp_path.glob("*-disk.qcow2")
    told_of_disk = paste(f"qemu-img info --backing-chain {disk.name}", tmp_path)
    assert told_of_disk.count("virtual size: 1 MiB") == 2
    assert paste("tar -xzOf metadata.tar.gz metadata.yaml", tmp_path).startswith("architecture: x86_64\n")
    assert not (tmp_path / "taken").exists()
    # Names of the image are no commands, wherever they stand.
    for steps in platforms.values():
        for step in steps:
            subprocess.run(["bash", "-nc", step.line], check=True)


def test_another_file_is_not_taken_for_the_image(content, tmp_path):
    tiny, base = content
    use = commands(tiny, f"{base}/tiny.qcow2")
    paste(use.get[0].line, tmp_path)
    with (tmp_path / "tiny.qcow2").open("ab") as file:
        file.write(b"\0")
    done = subprocess.run(["bash", "-ec", use.get[-1].line], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0 and "tiny.qcow2: FAILED" in done.stdout


def test_qemu_starts_the_image(tmp_path):
    need("qemu-system-x86_64", "qemu-system-x86", "REQUIRE_LIBVIRT")
    (tmp_path / "tiny.qcow2").write_bytes(make_image("qemu", "qcow2", "machine"))
    make_disk, start = steps_for("qemu", tmp_path / "tiny.qcow2")
    paste(make_disk.line, tmp_path)
    with subprocess.Popen(
        # Without KVM, which some machines have in a form that breaks.
        ["bash", "-c", f"exec {start.line.replace('-accel kvm ', '')}"],
        cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as machine:  # fmt: skip
        told = b""
        while MESSAGE.encode() not in told:
            more = os.read(machine.stdout.fileno(), 65536)
            assert more, told
            told += more
        machine.terminate()


@pytest.fixture
def lxd() -> Iterator[str]:
    """A daemon in namespaces of its own, without any network; the folder by which clients find it."""
    need("lxd", "lxd", "REQUIRE_LXD")
    if os.geteuid() != 0:
        pytest.skip("LXD needs root")
    with tempfile.TemporaryDirectory(prefix="lxd-") as folder:  # a socket's path has 107 characters at most
        environ = {**os.environ, "LXD_DIR": folder}
        with Path(folder, "log").open("wb") as log:
            daemon = subprocess.Popen(
                ["unshare", "-m", "-n", "lxd", "--group", "root"], env=environ, stdout=log, stderr=log
            )
        try:
            ready = ["lxd", "waitready", "--timeout=120"]
            done = subprocess.run(ready, env=environ, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr + Path(folder, "log").read_text()
            yield folder
        finally:
            daemon.terminate()
            daemon.wait(STOP_SECONDS)


def test_lxd_imports_the_image(lxd, tmp_path):
    need("lxc", "lxd-client", "REQUIRE_LXD")
    (tmp_path / "tiny.qcow2").write_bytes(make_image("lxd", "qcow2", "machine"))
    name, describe, import_, launch = steps_for("incus", tmp_path / "tiny.qcow2")
    for step in (name, describe):
        paste(step.line, tmp_path)
    here = {"LXD_DIR": lxd, "HOME": str(tmp_path)}
    paste(import_.line.replace("incus ", "lxc "), tmp_path, **here)
    (found,) = json.loads(paste("lxc image list --format json", tmp_path, **here))
    assert (found["type"], found["architecture"]) == ("virtual-machine", "x86_64")
    assert [one["name"] for one in found["aliases"]] == ["a-demo-image"]
    # The archive that lists name: the daemon takes it, and counts the fingerprint that entries have.
    (tmp_path / "metadata.tar").write_bytes(metadata_archive("x86_64"))
    told = paste("lxc image import metadata.tar tiny.qcow2", tmp_path, **here)
    assert fingerprint_of("x86_64", (tmp_path / "tiny.qcow2").read_bytes()).digest in told
    line = launch.line.replace("incus ", "lxc ")
    done = subprocess.run(["bash", "-c", line], env={**os.environ, **here}, capture_output=True, text=True)
    # It finds the image and would start it: what is missing is said of this machine.
    assert "vhost_vsock" in done.stderr or "storage pool" in done.stderr or "root device" in done.stderr


#: Prints what Terraform's language says in a folder's files.
READ = """
import hcl2, json, pathlib
told = {}
for path in sorted(pathlib.Path().glob("*.tf")):
    with path.open() as file:
        told[path.name] = hcl2.load(file)
print(json.dumps(told))
"""


def test_the_resource_is_of_the_language_of_terraform(content, tmp_path):
    """Debian has neither Terraform nor OpenTofu: a parser of their language reads what is pasted."""
    tiny, base = content
    title = '${path.module} %{ if true } "quoted"'
    use = commands(tiny, f"{base}/tiny.qcow2", title=title)
    (terraform,) = [one for one in use.platforms if one.key == "terraform"]
    for step in terraform.steps[:2]:
        paste(step.line, tmp_path)
    done = run("python", "-c", READ, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    provider, resource = sorted(json.loads(done.stdout).values(), key=lambda one: "resource" in one)
    assert "terraform-provider-openstack/openstack" in json.dumps(provider["terraform"])
    ((kind, named),) = resource["resource"][0].items()
    assert kind.strip('"') == "openstack_images_image_v2"
    (said,) = named.values()
    # Nothing of the title is an expression of the language.
    assert said["name"].strip('"') == "path-module-if-true-quoted"
    assert (said["disk_format"].strip('"'), said["local_file_path"].strip('"')) == ("qcow2", "tiny.qcow2")


def test_terraform_reads_its_resource(content, tmp_path):
    if shutil.which("terraform") is None:
        pytest.skip("needs terraform, which Debian does not have")
    tiny, base = content
    use = commands(tiny, f"{base}/tiny.qcow2", title='${path.module} %{ if true } "quoted"')
    (terraform,) = [one for one in use.platforms if one.key == "terraform"]
    for step in terraform.steps[:2]:
        paste(step.line, tmp_path)
    paste("terraform fmt -check -diff .", tmp_path)
    assert "/terraform-provider-openstack/openstack]" in (told := paste("terraform providers", tmp_path))
    assert "hashicorp/openstack" not in told


@pytest.mark.parametrize("locations", [(), ("pdisk:abc:0",), ("javascript:alert(1)",)])
def test_without_an_address_there_is_nothing_to_download(content, locations):
    use = commands(content[0], *locations)
    assert (use.href, use.get) == (None, ())
    assert [one.key for one in use.platforms] == ["openstack"]
