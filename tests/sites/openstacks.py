"""A real Glance and a real Keystone for tests, in the environment that ``make openstack`` makes."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.functional.running import AUTHORITIES

ROOT = Path(__file__).parent.parent.parent
VENV = ROOT / "build" / "openstack"
_APPS = Path(__file__).parent / "openstack"
_PASSWORD = "secret"
_PATIENCE = 120.0
#: Bytes that an image may have in this Glance.
SIZE_CAP = 8 << 20


def require_openstack() -> None:
    """Skip where the environment was not made; fail where it was promised."""
    if (VENV / ".ready").exists():
        return
    if os.environ.get("REQUIRE_OPENSTACK"):
        pytest.fail("REQUIRE_OPENSTACK is set, and build/openstack is not there: make openstack")
    pytest.skip("needs build/openstack: make openstack")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class OpenStack:
    """One Keystone, and one Glance that answers on two ports: with Keystone, and without."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keystone_port, self.glance_port, self.open_port = free_port(), free_port(), free_port()
        self._keystone: subprocess.Popen[bytes] | None = None
        self._glance: subprocess.Popen[bytes] | None = None
        self.ids: dict[str, str] = {}
        self._token = ""

    @property
    def keystone(self) -> str:
        return f"http://127.0.0.1:{self.keystone_port}"

    @property
    def glance(self) -> str:
        """With Keystone."""
        return f"http://127.0.0.1:{self.glance_port}"

    @property
    def open_glance(self) -> str:
        """Without Keystone; everybody is an administrator."""
        return f"http://127.0.0.1:{self.open_port}"

    def start(self) -> None:
        self._write_keystone()
        log = self.folder / "keystone-setup.log"
        program = [VENV / "bin" / "python", _APPS / "keystone_setup.py"]
        with log.open("wb") as output:
            making = subprocess.Popen(
                [*program, self.folder, _PASSWORD, f"{self.keystone}/v3"],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._write_glance()
        subprocess.run(
            [VENV / "bin" / "glance-manage", "--config-file", self.folder / "glance-api.conf", "db_sync"],
            check=True,
            capture_output=True,
        )
        # Who looks at an import must not hold up Glance's own writing about it.
        database = sqlite3.connect(self.folder / "glance.db")
        database.execute("PRAGMA journal_mode = WAL")
        database.close()
        self.start_glance()
        assert making.wait(_PATIENCE) == 0, log.read_text()[-3000:]
        self.start_keystone()
        self._make_projects()
        self.wait(self.open_glance + "/v2/images")

    def start_keystone(self) -> None:
        self._keystone = self._serve(
            "keystone_app",
            {
                "OS_KEYSTONE_CONFIG_FILES": str(self.folder / "keystone.conf"),
                "OS_KEYSTONE_CONFIG_DIR": str(self.folder),
            },
            self.keystone_port,
        )
        self.wait(self.keystone + "/v3")

    def start_glance(self) -> None:
        self._glance = self._serve(
            "glance_app",
            {"OS_GLANCE_CONFIG_DIR": str(self.folder), "GLANCE_OPEN_PORT": str(self.open_port)},
            self.glance_port,
            self.open_port,
        )

    def kill_glance(self) -> None:
        assert self._glance is not None
        os.killpg(self._glance.pid, signal.SIGKILL)
        self._glance.wait()

    def restart_glance(self) -> None:
        assert self._glance is not None
        if self._glance.poll() is None:  # a test that failed did not come to ending it
            self.kill_glance()
        self.start_glance()
        self.wait(self.open_glance + "/v2/images")

    @contextmanager
    def set_up(self, name: str, text: str = "") -> Iterator[None]:
        """Another set-up for a while, as the programs of the folder ``openstack`` read it."""
        file = self.folder / name
        file.write_text(text)
        try:
            yield
        finally:
            file.unlink()

    @contextmanager
    def stopped_glance(self) -> Iterator[None]:
        """It takes connections and answers nothing."""
        assert self._glance is not None
        os.killpg(self._glance.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self._glance.pid, signal.SIGCONT)

    def stop(self) -> None:
        for one in (self._glance, self._keystone):
            if one is not None and one.poll() is None:
                os.killpg(one.pid, signal.SIGKILL)
                one.wait()

    def wait(self, url: str) -> None:
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            try:
                httpx.get(url, timeout=30, verify=AUTHORITIES)
            except httpx.TransportError:
                time.sleep(0.1)  # until the port is open
            else:
                return
        raise AssertionError(f"{url} does not answer: " + self.logs())

    def logs(self) -> str:
        return "\n".join(one.read_text()[-2000:] for one in self.folder.glob("*_app.log"))

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        """A request to Keystone as the administrator."""
        if not self._token:
            self._token = self.token("admin", _PASSWORD, "admin")
        headers = {"X-Auth-Token": self._token}
        return httpx.request(
            method, f"{self.keystone}/v3{path}", headers=headers, timeout=60, verify=AUTHORITIES, **request
        )

    def token(self, user: str, password: str, project: str) -> str:
        domain = {"id": "default"}
        body = {
            "identity": {
                "methods": ["password"],
                "password": {"user": {"name": user, "domain": domain, "password": password}},
            },
            "scope": {"project": {"name": project, "domain": domain}},
        }
        answer = httpx.post(
            f"{self.keystone}/v3/auth/tokens", json={"auth": body}, timeout=60, verify=AUTHORITIES
        )
        answer.raise_for_status()
        return answer.headers["X-Subject-Token"]

    def as_user(self, user: str, project: str, method: str, path: str, **request: Any) -> httpx.Response:
        """A request to Glance as one of the users whose password is their name."""
        headers = {"X-Auth-Token": self.token(user, user, project)}
        return httpx.request(
            method, self.glance + path, headers=headers, timeout=60, verify=AUTHORITIES, **request
        )

    def everybody(self, method: str, path: str, **request: Any) -> httpx.Response:
        """A request to Glance without Keystone."""
        return httpx.request(method, self.open_glance + path, timeout=60, verify=AUTHORITIES, **request)

    def clouds(self, file: Path, **changes: Any) -> Path:
        """Write a clouds.yaml with the clouds site (by password), credential and open."""
        auth = {
            "auth_url": self.keystone, "username": "importer", "password": "importer",
            "project_name": "site", "user_domain_name": "Default", "project_domain_name": "Default",
        } | changes  # fmt: skip
        file.write_text(
            yaml.safe_dump(
                {
                    "clouds": {
                        "site": {"auth": auth, "region_name": "RegionOne"},
                        "credential": {
                            "auth_type": "v3applicationcredential",
                            "auth": {
                                "auth_url": f"{self.keystone}/v3",
                                "application_credential_id": self.ids["credential"],
                                "application_credential_secret": "credential",
                            },
                        },
                        "open": {"auth_type": "none", "auth": {"endpoint": self.open_glance}},
                    }
                }
            )
        )
        return file

    def _serve(self, app: str, environment: dict[str, str], *ports: int) -> subprocess.Popen[bytes]:
        listen = " ".join(f"127.0.0.1:{port}" for port in ports)
        kept = {
            "EVENTLET_NO_GREENDNS": "yes",
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": str(_APPS),
        }
        with (self.folder / f"{app}.log").open("ab") as log:
            return subprocess.Popen(
                [VENV / "bin" / "waitress-serve", f"--listen={listen}", "--threads=8", f"{app}:application"],
                env=kept | environment,
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _make_projects(self) -> None:
        def made(kind: str, **fields: Any) -> str:
            answer = self.ask("POST", f"/{kind}s", json={kind: fields})
            answer.raise_for_status()
            return str(answer.json()[kind]["id"])

        roles = {one["name"]: one["id"] for one in self.ask("GET", "/roles").json()["roles"]}
        service = made("service", name="glance", type="image")
        for interface in ("public", "internal"):
            made("endpoint", service_id=service, interface=interface, url=self.glance, region_id="RegionOne")
        for project, user, role in (
            ("service", "glance", "admin"),
            ("site", "importer", "member"),
            ("vo-bio", "bio", "member"),
            ("vo-other", "other", "member"),
        ):
            self.ids[project] = made("project", name=project, domain_id="default")
            self.ids[user] = made("user", name=user, password=user, domain_id="default")
            self.ask("PUT", f"/projects/{self.ids[project]}/users/{self.ids[user]}/roles/{roles[role]}")
        answer = httpx.post(
            f"{self.keystone}/v3/users/{self.ids['importer']}/application_credentials",
            headers={"X-Auth-Token": self.token("importer", "importer", "site")},
            json={"application_credential": {"name": "marketplace", "secret": "credential"}},
            timeout=60,
            verify=AUTHORITIES,
        )
        answer.raise_for_status()
        self.ids["credential"] = answer.json()["application_credential"]["id"]

    def _write_keystone(self) -> None:
        (self.folder / "keystone.conf").write_text(f"""[database]
connection = sqlite:///{self.folder}/keystone.db
[identity]
# Keystone hashes the password for each token that is asked for: 0.2 s with its default number of rounds.
password_hash_rounds = 4
[token]
provider = fernet
[fernet_tokens]
key_repository = {self.folder}/fernet
[fernet_receipts]
key_repository = {self.folder}/fernet
[credential]
key_repository = {self.folder}/credential
""")

    def _write_glance(self) -> None:
        for name in ("images", "staging", "tasks"):
            (self.folder / name).mkdir()
        shipped = (VENV / "etc" / "glance" / "glance-api-paste.ini").read_text()
        paste = self.folder / "glance-api-paste.ini"
        # Its own pipeline without Keystone lets nobody do anything since roles are asked for.
        paste.write_text(re.sub(r"(?m)^(default = .*)unauthenticated-context", r"\1context", shipped))
        (self.folder / "glance-api.conf").write_text(f"""[DEFAULT]
enabled_import_methods = [glance-direct,web-download]
enabled_backends = fast:file
node_staging_uri = file://{self.folder}/staging
worker_self_reference_url = {self.open_glance}
limit_param_default = 25
image_size_cap = {SIZE_CAP}
[wsgi]
task_pool_threads = 4
[glance_store]
default_backend = fast
[fast]
filesystem_store_datadir = {self.folder}/images
[os_glance_tasks_store]
filesystem_store_datadir = {self.folder}/tasks
[os_glance_staging_store]
filesystem_store_datadir = {self.folder}/staging
[database]
connection = sqlite:///{self.folder}/glance.db
[paste_deploy]
config_file = {paste}
flavor = keystone
[keystone_authtoken]
www_authenticate_uri = {self.keystone}/v3
auth_url = {self.keystone}
auth_type = password
username = glance
password = glance
project_name = service
user_domain_id = default
project_domain_id = default
[import_filtering_opts]
allowed_ports = []
allowed_schemes = [http]
allowed_hosts = [127.0.0.1]
""")


@contextmanager
def running_openstack(folder: Path) -> Iterator[OpenStack]:
    """Both, until the end of the block."""
    require_openstack()
    made = OpenStack(folder)
    try:
        made.start()
        yield made
    finally:
        made.stop()
