"""Machines of a cluster: network namespaces joined by a bridge, or addresses of the loopback."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.federation.namespaces import reason_against
from tests.launching import ROOT
from tests.waiting import HANGING

#: What programs of the cluster are told, and nothing of the test's own environment.
_ENVIRON = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


def account() -> tuple[int, int]:
    """The user and group that the programs run as: PostgreSQL refuses to be started by root."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    for name in ("postgres", "nobody"):
        with suppress(KeyError):  # the next name is tried
            found = pwd.getpwnam(name)
            return found.pw_uid, found.pw_gid
    pytest.skip("PostgreSQL does not run as root, and there is no user postgres or nobody")


def own(path: Path) -> None:
    """Give a file, or a folder with what is in it, to the user that the programs run as."""
    if os.geteuid() == 0:
        for one in (path, *path.rglob("*")):
            os.chown(one, *account())


def unprivileged(command: Sequence[str]) -> tuple[str, ...]:
    """A command that starts the product, as the user that the programs run as."""
    if os.geteuid() != 0:
        return tuple(command)
    python, option, code = command
    user, group = account()
    needed = (str(ROOT), sys.prefix, sys.base_prefix)
    return (
        python,
        option,
        f"from tests.cluster.user import become; become({user}, {group}, *{needed!r})\n{code}",
    )


@dataclass
class Machine:
    """Where programs run that fail together.

    Args:
        namespace: the name of its network; empty where it is an address of the loopback.
        plug: the bridge's end of its cable.
    """

    address: str
    folder: Path
    namespace: str = ""
    plug: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, program: str, *arguments: str, environ: Mapping[str, str] | None = None) -> None:
        """Start a program that is no root."""
        command = [program, *arguments]
        if os.geteuid() == 0:
            user, group = account()
            command = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", *command]
        if self.namespace:
            command = ["ip", "netns", "exec", self.namespace, *command]
        with (self.folder / "log").open("ab") as log:
            self.processes.append(
                subprocess.Popen(
                    command, cwd=self.folder, env={**_ENVIRON, **(environ or {})}, stdin=subprocess.DEVNULL,
                    stdout=log, stderr=log, start_new_session=True,
                )
            )  # fmt: skip

    def kill(self) -> None:
        """End its programs as a power cut would."""
        for process in self.processes:
            process.kill()
            process.wait(HANGING)
        self.processes.clear()

    @property
    def log(self) -> str:
        """What its programs wrote last."""
        return (self.folder / "log").read_text(errors="replace")[-4000:]


@dataclass
class Network:
    """The machines, and the address that they find the test's own processes at."""

    name: str
    cuts: bool
    folder: Path
    prefix: str
    machines: list[Machine] = field(default_factory=list)

    @property
    def here(self) -> str:
        """The address of the machine that the test runs on."""
        return f"{self.prefix}.254"

    def add(self, name: str) -> Machine:
        """A further machine."""
        number = len(self.machines) + 1
        folder = self.folder / name
        folder.mkdir(mode=0o755)
        own(folder)
        machine = Machine(f"{self.prefix}.{number}", folder)
        if self.cuts:
            machine.namespace, machine.plug = f"{self.name}{number}", f"{self.name}p{number}"
            _ip("netns", "add", machine.namespace)
            inside = ("peer", "name", "eth0", "netns", machine.namespace)
            _ip("link", "add", machine.plug, "type", "veth", *inside)
            _ip("link", "set", machine.plug, "master", self.name, "up")
            for command in (
                ("addr", "add", f"{machine.address}/24", "dev", "eth0"),
                ("link", "set", "eth0", "up"),
                ("link", "set", "lo", "up"),
            ):
                _ip("-n", machine.namespace, *command)
        self.machines.append(machine)
        return machine

    def cut(self, machine: Machine) -> None:
        """Pull the cable of a machine."""
        _ip("link", "set", machine.plug, "down")

    def mend(self, machine: Machine) -> None:
        """Put it back."""
        _ip("link", "set", machine.plug, "up")


@contextmanager
def network(folder: Path) -> Iterator[Network]:
    """A network without machines; nothing of it is left behind the block."""
    cuts = reason_against() is None
    number = os.getpid() % 65_000
    # Networks that are for tests of devices: nobody's own is one of them.
    prefix = f"198.{18 + number % 2}.{number // 2 % 256}" if cuts else f"127.{number // 256}.{number % 256}"
    made = Network(f"mpc{os.getpid()}"[:10], cuts, folder, prefix)
    try:
        if cuts:
            _ip("link", "add", made.name, "type", "bridge")
            _ip("addr", "add", f"{made.here}/24", "dev", made.name)
            _ip("link", "set", made.name, "up")
        yield made
    finally:
        for machine in made.machines:
            machine.kill()
            if cuts:
                _end_all(["ip", "netns", "pids", machine.namespace])
                # The cable would go with its namespace, but that lasts as long as any socket in it.
                for command in (("link", "del", machine.plug), ("netns", "del", machine.namespace)):
                    subprocess.run(["ip", *command], capture_output=True, check=False)
        if cuts:
            subprocess.run(["ip", "link", "del", made.name], capture_output=True, check=False)


def _end_all(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for pid in done.stdout.split():
        with suppress(ProcessLookupError):  # it is gone, which is what is wanted
            os.kill(int(pid), signal.SIGKILL)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
