"""A real libvirtd in mount and network namespaces of its own: nothing of the machine changes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

NEEDED = ("libvirtd", "virsh", "qemu-system-x86_64", "unshare", "ip", "qemu-img")
PLACES = ("/usr/bin", "/usr/sbin", "/bin", "/sbin")
_DAEMON = """
unix_sock_dir = "{folder}/run"
auth_unix_rw = "none"
auth_unix_ro = "none"
log_outputs = "2:file:{folder}/libvirtd.log"
"""
_QEMU = """
stdio_handler = "file"
security_driver = "none"
user = "root"
group = "root"
remember_owner = 0
cgroup_controllers = []
namespaces = []
"""
_START = """
mount --bind {folder}/hooks /etc/libvirt/hooks
mount --bind {folder}/qemu.conf /etc/libvirt/qemu.conf
mount --bind {folder}/var /var/lib/libvirt
mount -t tmpfs none /run/libvirt 2>/dev/null
mount -t sysfs none /sys 2>/dev/null
ip link set lo up
exec /usr/sbin/libvirtd -f {folder}/libvirtd.conf -p {folder}/run/libvirtd.pid
"""
_MESSAGE = b"MARKETPLACE-VM-UP\r\n\0"


def require_libvirt() -> None:
    """Skip where libvirt cannot be run here; fail where it was promised."""
    missing = [name for name in NEEDED if not any(Path(place, name).exists() for place in PLACES)]
    if missing and os.environ.get("REQUIRE_LIBVIRT"):
        pytest.fail(f"REQUIRE_LIBVIRT is set, and there is no {', '.join(missing)}")
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    if os.geteuid() != 0:
        pytest.skip("needs root for a libvirtd in namespaces of its own")
    made = subprocess.run(
        ["unshare", "-m", "-n", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True
    )
    if made.returncode != 0:
        pytest.skip(f"this machine makes no namespaces: {made.stderr.decode().strip()}")


@dataclass
class Libvirt:
    """A running libvirtd."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def uri(self) -> str:
        return f"qemu:///system?socket={self.folder}/run/libvirt-sock"

    @property
    def hooks(self) -> Path:
        return self.folder / "hooks" / "qemu.d"

    def virsh(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["virsh", "-q", "-c", self.uri, *words], capture_output=True, text=True, timeout=120
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def reload(self) -> None:
        """Have it look for hooks again, as ``systemctl reload libvirtd`` does."""
        pid = int((self.folder / "run" / "libvirtd.pid").read_text())
        os.kill(pid, signal.SIGHUP)

    def make_pool(self, name: str, path: Path) -> None:
        path.mkdir(exist_ok=True)
        self.virsh("pool-create-as", name, "dir", "--target", str(path))

    def define(self, name: str, disk: Path, format: str = "raw", metadata: str = "") -> Path:
        """A domain that starts from a disk; returns the file of its serial line."""
        serial = self.folder / f"{name}.serial"
        xml = f"""<domain type='qemu'><name>{name}</name><metadata>{metadata}</metadata>
          <memory unit='MiB'>16</memory><vcpu>1</vcpu>
          <os><type arch='x86_64' machine='pc'>hvm</type></os><on_poweroff>destroy</on_poweroff>
          <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
          <disk type='file' device='disk'><driver name='qemu' type='{format}'/><source file='{disk}'/>
          <target dev='hda' bus='ide'/></disk>
          <serial type='file'><source path='{serial}'/></serial><memballoon model='none'/>
          </devices></domain>"""
        file = self.folder / f"{name}.xml"
        file.write_text(xml)
        self.virsh("define", str(file))
        return serial


@contextmanager
def running_libvirt(folder: Path) -> Iterator[Libvirt]:
    """Start libvirtd and wait until it answers."""
    for name in ("run", "hooks/qemu.d", "var"):
        (folder / name).mkdir(parents=True)
    (folder / "libvirtd.conf").write_text(_DAEMON.format(folder=folder))
    (folder / "qemu.conf").write_text(_QEMU)
    Path("/run/libvirt").mkdir(exist_ok=True)
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(
            ["unshare", "-m", "-n", "--propagation", "private", "sh", "-c", _START.format(folder=folder)],
            stdout=out,
            stderr=out,
        )
    libvirt = Libvirt(folder, process)
    try:
        deadline = time.monotonic() + 60
        while libvirt.virsh("version", check=False).returncode != 0:
            assert process.poll() is None, (folder / "out").read_text()
            assert time.monotonic() < deadline, (folder / "libvirtd.log").read_text()[-3000:]
            time.sleep(0.1)  # between two looks at another process
        yield libvirt
    finally:
        for name in libvirt.virsh("list", "--name", check=False).stdout.split():
            libvirt.virsh("destroy", "--domain", name, check=False)
        process.terminate()
        process.wait(60)


def boot_disk(name: str) -> bytes:
    """A disk whose boot sector tells on the first serial line that it runs, and stops."""
    code = bytearray.fromhex("fa31c08ed8be0000ac84c0740088c4bafd03eca82074fbbaf80388e0ee")
    jump = code.index(0x74)
    code += bytes([0xEB, (8 - (len(code) + 2)) & 0xFF])
    code[jump + 1] = len(code) - (jump + 2)
    code += bytes([0xF4, 0xEB, 0xFD])
    code[6:8] = (0x7C00 + len(code)).to_bytes(2, "little")
    sector = (bytes(code) + _MESSAGE).ljust(400, b"\0") + name.encode()[:100]
    return sector.ljust(510, b"\0") + b"\x55\xaa" + bytes(1 << 20)
