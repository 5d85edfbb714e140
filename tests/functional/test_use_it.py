"""The commands of an image's page, pasted into a shell as far as their programs are on this machine."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from marketplace.web.use_it import UseIt, use_it
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from validators import accept

NODE = """<node>
<cpu><mhz>2000</mhz><model>x86_64</model><active>2</active><nodes>1</nodes><sockets>1</sockets><cores>2</cores>
<threads>1</threads></cpu><memory>8000000</memory>
<pool type='dir'><name>default</name><target><path>/default</path></target></pool>
</node>
"""


def need(tool: str, package: str, switch: str) -> None:
    """Skip where a program is not installed, and fail where it has to be."""
    if shutil.which(tool) is None:
        assert switch not in os.environ, f"needs {tool} (Debian: {package})"
        pytest.skip(f"needs {tool} (Debian: {package})")


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A real image, and the address of the server that has it and packed forms of it."""
    need("qemu-img", "qemu-utils", "REQUIRE_QEMU_IMG")
    folder = tmp_path_factory.mktemp("content")
    tiny = folder / "tiny.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", tiny, "1M"], check=True)
    (folder / "tiny.qcow2.gz").write_bytes(gzip.compress(tiny.read_bytes()))
    (folder / "odd name; touch taken.qcow2").write_bytes(tiny.read_bytes())
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield tiny, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def commands(tiny: Path, *locations: str, **said: object) -> UseIt:
    data = tiny.read_bytes()
    draft = image(
        sha1=hashlib.sha1(data, usedforsecurity=False).hexdigest(),
        checksums=(("SHA-256", hashlib.sha256(data).hexdigest()),),
        size=len(data),
        locations=locations,
        **said,
    )
    return use_it(accept(signed(draft, make_identity())))


def paste(line: str, folder: Path, **environ: str) -> str:
    done = subprocess.run(
        ["bash", "-ec", line],
        cwd=folder,
        env={**os.environ, "no_proxy": "127.0.0.1", **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, (line, done.stderr)
    return done.stdout


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
    for step in (*platforms["qemu"][:1], *platforms["incus"][:2], *platforms["terraform"]):
        paste(step.line, tmp_path)
    (disk,) = tmp_path.glob("*-disk.qcow2")
    told_of_disk = paste(f"qemu-img info --backing-chain {disk.name}", tmp_path)
    assert told_of_disk.count("virtual size: 1 MiB") == 2
    assert paste("tar -xzOf metadata.tar.gz metadata.yaml", tmp_path).startswith("architecture: x86_64\n")
    assert not (tmp_path / "taken").exists()
    # What needs a cloud or a hypervisor is looked at by the shell at least.
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


def test_libvirt_makes_the_volume(content, tmp_path):
    need("virsh", "libvirt-clients", "REQUIRE_LIBVIRT")
    tiny, base = content
    (tmp_path / "node.xml").write_text(NODE)
    (libvirt,) = [one for one in commands(tiny, f"{base}/tiny.qcow2").platforms if one.key == "libvirt"]
    made = paste(libvirt.steps[0].line, tmp_path, LIBVIRT_DEFAULT_URI=f"test://{tmp_path}/node.xml")
    assert "Vol a-demo-image.qcow2 created" in made


def test_terraform_reads_its_resource(content, tmp_path):
    if shutil.which("terraform") is None:
        pytest.skip("needs terraform, which Debian does not have")
    tiny, base = content
    use = commands(tiny, f"{base}/tiny.qcow2", title='${path.module} %{ if true } "quoted"')
    (terraform,) = [one for one in use.platforms if one.key == "terraform"]
    paste(terraform.steps[0].line, tmp_path)
    paste("terraform fmt -check -diff .", tmp_path)


@pytest.mark.parametrize("locations", [(), ("pdisk:abc:0",), ("javascript:alert(1)",)])
def test_without_an_address_there_is_nothing_to_download(content, locations):
    use = commands(content[0], *locations)
    assert (use.href, use.get) == (None, ())
    assert [one.key for one in use.platforms] == ["openstack"]
