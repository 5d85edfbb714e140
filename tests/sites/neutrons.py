"""A real Neutron API, in the environment that ``make openstack`` makes."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.functional.running import AUTHORITIES, free_port
from tests.sites.daemons import await_true
from tests.sites.openstacks import VENV, require_openstack
from tests.waiting import HANGING

_APPS = Path(__file__).parent / "openstack"


@contextmanager
def running_neutron(folder: Path) -> Iterator[httpx.Client]:
    """A client of it, for one project, until the end of the block."""
    require_openstack()
    port = free_port()
    program = [VENV / "bin" / "waitress-serve", f"--listen=127.0.0.1:{port}", "neutron_app:application"]
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(_APPS)}
    with (folder / "neutron.log").open("wb") as log:
        process = subprocess.Popen(
            program, env=environ, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}/v2.0"
    with httpx.Client(base_url=url, trust_env=False, timeout=HANGING, verify=AUTHORITIES) as api:

        def answers() -> bool:
            assert process.poll() is None, (folder / "neutron.log").read_text()[-3000:]
            try:
                return api.get("/security-groups").status_code == 200
            except httpx.TransportError:
                return False

        try:
            await_true(answers, "Neutron answers", HANGING)
            for family in ("IPv4", "IPv6"):
                # Its migrations, which are not run here, put these into every cloud.
                where = {"used_in_default_sg": True, "used_in_non_default_sg": True}
                rule = {"direction": "egress", "ethertype": family} | where
                made = api.post("/default-security-group-rules", json={"default_security_group_rule": rule})
                assert made.status_code == 201, made.text
            yield api
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
