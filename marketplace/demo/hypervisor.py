"""A libvirtd of its own, in mount and network namespaces: nothing of the machine changes. Needs root."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: Programs that it takes, and where they are looked for.
NEEDED = ("libvirtd", "virsh", "qemu-system-x86_64", "unshare", "ip")
_PLACES = ("/usr/bin", "/usr/sbin", "/bin", "/sbin")
_PATIENCE = 60.0
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
#: Without KVM, also where the machine has it, so that guests run in the same way everywhere: libvirt takes
#: what root cannot write, a file of a read-only mount, for no KVM.
_START = """
mount --bind {folder}/hooks /etc/libvirt/hooks
mount --bind {folder}/qemu.conf /etc/libvirt/qemu.conf
mount --bind {folder}/var /var/lib/libvirt
mount -t tmpfs none /etc/libvirt/qemu
mount -t tmpfs none /run/libvirt 2>/dev/null
mount -t sysfs none /sys 2>/dev/null
test ! -e /dev/kvm || (mount --bind {folder}/qemu.conf /dev/kvm && mount -o remount,bind,ro /dev/kvm)
ip link set lo up
exec /usr/sbin/libvirtd -f {folder}/libvirtd.conf -p {folder}/run/libvirtd.pid
"""
_DOMAIN = """<domain type='qemu'><name>{name}</name>
  <memory unit='MiB'>16</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os><on_poweroff>destroy</on_poweroff>
  <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
  <disk type='file' device='disk'><driver name='qemu' type='{format}'/><source file='{disk}'/>
  <target dev='hda' bus='ide'/></disk>
  <serial type='file'><source path='{serial}'/></serial><memballoon model='none'/></devices></domain>"""
#: What the boot sector writes on the first serial line.
MESSAGE = "MARKETPLACE-VM-UP"


def missing_programs() -> list[str]:
    """The programs that are not on this machine."""
    return [name for name in NEEDED if not any(Path(place, name).exists() for place in _PLACES)]


def reason_against() -> str | None:
    """Why no libvirtd can be started here; None where one can."""
    if missing := missing_programs():
        return f"needs {', '.join(missing)}"
    if os.geteuid() != 0:
        return "needs root for a libvirtd in namespaces of its own"
    words = ["unshare", "-m", "-n", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    made = subprocess.run(words, capture_output=True, check=False)  # noqa: S603  # an argument list of ours
    if made.returncode != 0:
        return f"this machine makes no namespaces: {made.stderr.decode().strip()}"
    return None


@dataclass(frozen=True)
class Hypervisor:
    """A running libvirtd."""

    folder: Path

    @property
    def uri(self) -> str:
        """The URI by which virsh reaches the libvirtd."""
        return f"qemu:///system?socket={self.folder}/run/libvirt-sock"

    @property
    def hooks(self) -> Path:
        """The folder of libvirtd's hooks."""
        return self.folder / "hooks" / "qemu.d"

    def virsh(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run virsh.

        Raises:
            RuntimeError: it fails, where ``check`` says so.
        """
        done = subprocess.run(  # noqa: S603  # an argument list of ours
            ["virsh", "-q", "-c", self.uri, *words],  # noqa: S607  # wherever it is installed
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"virsh {' '.join(words)}: {done.stderr}")
        return done

    def reload(self) -> None:
        """Have it look for hooks again, as ``systemctl reload libvirtd`` does."""
        os.kill(int((self.folder / "run" / "libvirtd.pid").read_text()), signal.SIGHUP)

    def make_pool(self, name: str, path: Path) -> None:
        """Make a pool of a folder."""
        path.mkdir(exist_ok=True)
        self.virsh("pool-create-as", name, "dir", "--target", str(path))

    def define(self, name: str, disk: Path, format: str = "raw") -> Path:
        """Define a domain that starts from a disk; returns the file of its serial line."""
        serial = self.folder / f"{name}.serial"
        file = self.folder / f"{name}.xml"
        file.write_text(_DOMAIN.format(name=name, disk=disk, format=format, serial=serial))
        self.virsh("define", str(file))
        return serial


@contextmanager
def running_hypervisor(folder: Path) -> Iterator[Hypervisor]:
    """Start libvirtd and wait until it answers.

    Raises:
        RuntimeError: it does not.
    """
    for name in ("run", "hooks/qemu.d", "var"):
        (folder / name).mkdir(parents=True)
    (folder / "libvirtd.conf").write_text(_DAEMON.format(folder=folder))
    (folder / "qemu.conf").write_text(_QEMU)
    Path("/run/libvirt").mkdir(exist_ok=True)
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(  # noqa: S603  # an argument list of ours
            ["unshare", "-m", "-n", "--propagation", "private", "sh", "-c", _START.format(folder=folder)],  # noqa: S607  # in PATH
            stdout=out,
            stderr=out,
        )
    running = Hypervisor(folder)
    try:
        deadline = time.monotonic() + _PATIENCE
        while running.virsh("version", check=False).returncode != 0:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"libvirtd does not start: {(folder / 'out').read_text()[-2000:]}")
            time.sleep(0.1)  # between two looks at another process
        yield running
    finally:
        for name in running.virsh("list", "--name", check=False).stdout.split():
            running.virsh("destroy", "--domain", name, check=False)
        process.terminate()
        process.wait(_PATIENCE)


def boot_disk(name: str) -> bytes:
    """A disk of 1 MiB whose boot sector tells on the first serial line that it runs, and stops."""
    # cli; ds = 0; for each byte of the message: wait until the line is free, write it; hlt.
    code = bytearray.fromhex("fa31c08ed8be0000ac84c0740088c4bafd03eca82074fbbaf80388e0ee")
    jump = code.index(0x74)
    code += bytes([0xEB, (8 - (len(code) + 2)) & 0xFF])
    code[jump + 1] = len(code) - (jump + 2)
    code += bytes([0xF4, 0xEB, 0xFD])
    code[6:8] = (0x7C00 + len(code)).to_bytes(2, "little")
    sector = (bytes(code) + MESSAGE.encode() + b"\r\n\0").ljust(400, b"\0") + name.encode()[:100]
    return sector.ljust(510, b"\0") + b"\x55\xaa" + bytes(1 << 20)
