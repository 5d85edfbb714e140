"""A real libvirtd for tests: skipped where it cannot run, and failing where it was promised."""

from __future__ import annotations

import os
import shutil

import pytest

from marketplace.demo.hypervisor import missing_programs, reason_against


def require_libvirt() -> None:
    """Skip where libvirt cannot be run here; fail where it was promised."""
    missing = missing_programs() + ([] if shutil.which("qemu-img") else ["qemu-img"])
    if missing and os.environ.get("REQUIRE_LIBVIRT"):
        pytest.fail(f"REQUIRE_LIBVIRT is set, and there is no {', '.join(missing)}")
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    if reason := reason_against():
        pytest.skip(reason)
