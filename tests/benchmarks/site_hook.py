"""The hook of libvirt at a cloud site: what it costs beside a start of a domain."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from marketplace.demo.hypervisor import (
    Hypervisor,
    boot_disk,
    missing_programs,
    reason_against,
    running_hypervisor,
)
from marketplace.sites.decisions.hook import hook_text, install_hook
from tests.benchmarks.figures import Figure
from tests.sites.clouds import Cloud
from tests.sites.daemons import await_true, running_site
from tests.sites.test_libvirt import is_called


def hook_figures(folder: Path, cloud: Cloud, rounds: int) -> Iterator[Figure]:
    """What the hook costs beside a start of a domain, where libvirt can be run here."""
    if missing_programs() or reason_against():
        return
    disk = cloud.folder / "disk.raw"
    disk.write_bytes(boot_disk("bench"))
    with running_hypervisor(folder / "libvirt") as libvirt, running_site(cloud):
        libvirt.define("bench", disk)
        text = hook_text(cloud.folder / "run", "refuse", "marketplace site why")
        bare, hooked = [], []  # seconds of starts
        for _ in range(rounds):
            # libvirtd looks for its hooks once, at the first start after the signal.
            hook = install_hook(libvirt.hooks, text)
            libvirt.reload()
            await_true(lambda: is_called(libvirt), "libvirt calls the hook")
            hooked.append(_started(libvirt))
            hook.unlink()
            libvirt.reload()
            await_true(lambda: not is_called(libvirt), "libvirt calls no hook")
            bare.append(_started(libvirt))
        hook = install_hook(folder / "alone", text)
        domain = libvirt.virsh("dumpxml", "bench").stdout.encode()
        alone = min(_asks(hook, domain) for _ in range(rounds * 3))
    share = alone / min(bare)
    yield Figure(
        f"the hook, asking the daemon (least of {rounds * 3})",
        f"{alone * 1e3:.0f} ms",
        f"a start of a domain without it: {min(bare) * 1e3:.0f} ms (QEMU without KVM)",
        share, "< 5 %", share < 0.05,
    )  # fmt: skip
    yield Figure(
        f"a start of a domain with it (least of {rounds}; libvirt calls it three times)",
        f"{min(hooked) * 1e3:.0f} ms",
        f"without it: {min(bare) * 1e3:.0f} ms",
        min(hooked) / min(bare),
    )


def _asks(hook: Path, domain: bytes) -> float:
    began = time.perf_counter()
    subprocess.run([hook, "bench", "prepare", "begin", "-"], input=domain, check=True)
    return time.perf_counter() - began


def _started(libvirt: Hypervisor) -> float:
    began = time.perf_counter()
    libvirt.virsh("start", "bench")
    took = time.perf_counter() - began
    libvirt.virsh("destroy", "bench")
    return took
