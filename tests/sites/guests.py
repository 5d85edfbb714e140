"""A real Linux guest for tests: Debian's cloud kernel and busybox; its serial line tells what it finds.

``make guest`` fetches both as Debian packages; nothing of them is installed.
"""

from __future__ import annotations

import gzip
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace.demo.hypervisor import Hypervisor
from tests.sites.libvirts import require_libvirt

PACKAGES = Path(__file__).parent.parent.parent / "build" / "guest"
ADDRESS, PORTS = "10.79.0.2", (22, 80, 443)
#: In the order in which they are loaded.
_MODULES = (
    "virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "failover",
    "net_failover", "virtio_net", "virtio_blk", "cdrom", "isofs",
)  # fmt: skip
# As cloud-init does: the disk is found by the label of its volume, whatever it is called here.
_INIT = f"""#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for m in {" ".join(_MODULES)}; do insmod /lib/$m.ko; done
for n in 1 2 3 4 5 6 7 8 9 10; do
  seed=$(findfs LABEL=cidata 2>/dev/null) && break; sleep 1
done
echo "GUEST-SEED ${{seed:-none}}"
mount -t iso9660 -o ro "$seed" /mnt && for name in meta-data user-data; do
  echo "GUEST-FILE $name"; cat /mnt/$name; echo; echo GUEST-END
done
ip link set lo up; ip link set eth0 up; ip addr add {ADDRESS}/24 dev eth0
for p in {" ".join(map(str, PORTS))}; do while :; do nc -l -p $p -e echo hello-$p; done & done
echo GUEST-READY
while :; do sleep 1; done
"""
_DOMAIN = """<domain type='qemu'><name>{name}</name><memory unit='MiB'>128</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type><kernel>{folder}/vmlinuz</kernel>
  <initrd>{folder}/initrd.gz</initrd><cmdline>console=ttyS0 quiet</cmdline></os>
  <features><acpi/></features>
  <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
  <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{seed}'/>
  <target dev='vda' bus='virtio'/><readonly/></disk>
  <interface type='bridge'><source bridge='br0'/><mac address='52:54:00:00:00:02'/><model type='virtio'/>
  <filterref filter='{filter}'/></interface>
  <serial type='file'><source path='{serial}'/></serial><memballoon model='none'/></devices></domain>"""


def require_guest() -> None:
    """Skip where there is no guest; fail where it was promised."""
    require_libvirt()
    missing = [
        name for name in ("iptables", "ebtables", "nsenter", "dpkg-deb", "xorriso") if not shutil.which(name)
    ]
    if not list(PACKAGES.glob("linux-image-*.deb")):
        missing.append("what `make guest` fetches")
    if missing and os.environ.get("REQUIRE_GUEST"):
        pytest.fail(f"REQUIRE_GUEST is set, and there is no {', '.join(missing)}")
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")


def build_guest(folder: Path) -> None:
    """Make ``vmlinuz`` and ``initrd.gz``."""
    for package in PACKAGES.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, folder / "root"], check=True, timeout=60)
    (kernel,) = (folder / "root" / "boot").glob("vmlinuz-*")
    kernel.rename(folder / "vmlinuz")
    found = {path.name.partition(".")[0]: path for path in (folder / "root" / "lib").rglob("*.ko")}
    files = {"init": (0o755, _INIT.encode())}
    files["bin/busybox"] = (0o755, (folder / "root" / "bin" / "busybox").read_bytes())
    # Some of them are part of the kernel itself in other versions of it.
    files |= {f"lib/{name}.ko": (0o644, found[name].read_bytes()) for name in _MODULES if name in found}
    (folder / "initrd.gz").write_bytes(gzip.compress(b"".join(_archive(files)), 1))


def _archive(files: dict[str, tuple[int, bytes]]) -> Iterator[bytes]:
    """A cpio archive (newc), as kernels unpack it; see Linux, initramfs-buffer-format."""
    folders = ["bin", "lib", "dev", "proc", "sys", "mnt"]
    entries = [(name, stat.S_IFDIR | 0o755, b"") for name in folders]
    entries += [(name, stat.S_IFREG | mode, data) for name, (mode, data) in files.items()]
    for number, (name, mode, data) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        values = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + "".join(f"{value:08X}" for value in values).encode() + name.encode() + b"\0"
        yield head.ljust(-(-len(head) // 4) * 4, b"\0") + data.ljust(-(-len(data) // 4) * 4, b"\0")


def inside(libvirt: Hypervisor, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program in the network of the hypervisor."""
    pid = (libvirt.folder / "run" / "libvirtd.pid").read_text().strip()
    return subprocess.run(
        ["nsenter", "-n", "-t", pid, *words], capture_output=True, text=True, timeout=60, check=False
    )


def start_guest(libvirt: Hypervisor, folder: Path, seed: Path, filter: str) -> Path:
    """Start the guest behind a filter; returns the file of its serial line."""
    for words in (
        ("link", "add", "br0", "type", "bridge"),
        ("addr", "add", "10.79.0.1/24", "dev", "br0"),
        ("link", "set", "br0", "up"),
    ):
        done = inside(libvirt, "ip", *words)
        assert done.returncode == 0, done.stderr
    serial, file = folder / "serial", folder / "guest.xml"
    file.write_text(_DOMAIN.format(name="guest", folder=folder, seed=seed, filter=filter, serial=serial))
    libvirt.virsh("create", str(file))
    return serial


def greeting(libvirt: Hypervisor, port: int) -> str:
    """What the guest says at a port; empty where it does not answer."""
    code = (
        "import socket,sys; s=socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2);"
        "print(s.recv(100).decode(), end='')"
    )
    return inside(libvirt, "/usr/bin/python3", "-c", code, ADDRESS, str(port)).stdout.strip()
