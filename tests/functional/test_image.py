"""The container image and the compose file of deploy/."""

from __future__ import annotations

import ast
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from marketplace.config import load_settings
from marketplace.config.sections import ServerSettings
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.factories.openpgp import Signer
from tests.functional.containerfile import FILE, UnknownInstructionError, build, instructions, read_image
from tests.functional.running import AUTHORITIES, free_port
from tests.functional.sites import until
from tests.launching import ROOT
from tests.unit.cli.test_help import parse
from tests.waiting import HANGING

DEPLOY = ROOT / "deploy"
#: Set where the tests must not be skipped for want of a program.
REQUIRED = "REQUIRE_COMPOSE"
#: What `make image` leaves.
BUILT = ROOT / "build" / "image" / "root"
#: Bytes; a promise of docs/scale.md.
LARGEST = 250_000_000
TEXT = FILE.read_text()
IMAGE = read_image(TEXT)
USER = int(IMAGE.user.partition(":")[0])
#: Programs that the server starts -> Debian's packages.
PROGRAMS = {"gpg": "gpg", "gpgconf": "gpgconf", "gpgv": "gpgv", "openssl": "openssl"}
#: Seconds that only keep a test from hanging, which installs packages on a machine that may be busy.
PATIENCE = 10 * HANGING
#: The key that lists are signed with.
KEY = "lists.gpg"
#: What runs on other machines than the server.
ELSEWHERE = ("cli/site", "sites", "demo")


def size(folder: Path) -> int:
    """Bytes of the files below a folder, each once."""
    files = (path.lstat() for path in folder.rglob("*"))
    return sum({(one.st_dev, one.st_ino): one.st_size for one in files}.values())


@dataclass
class Contained:
    """A process in a namespace of its own, which starts what is in the image."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def told(self) -> str:
        """What it and the steps before it wrote."""
        return self.log.read_text(errors="replace")[-6000:]

    def send(self, number: int) -> None:
        """Send a signal to the first process of the image."""
        pid = self.process.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with suppress(ProcessLookupError):  # it ended by itself
                os.kill(int(child), number)


@contextmanager
def contained(script: str, log: Path) -> Iterator[Contained]:
    """Run a shell's commands where its mounts and processes are nobody else's."""
    with log.open("wb") as sink:
        process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script],
            stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
        )  # fmt: skip
    running = Contained(process, log)
    try:
        yield running
    finally:
        # A change of the user ends what --kill-child promises.
        if process.poll() is None:
            running.send(signal.SIGKILL)
            process.kill()
        process.wait(HANGING)


def check_it_works(tmp_path: Path, root: str, steps: str = "") -> None:
    """Start what is in the image, after some steps; upload to it, have it sign, and stop it in order."""
    data, port = tmp_path / "data", free_port()
    data.mkdir()
    signer = Signer(tmp_path / "gnupg")
    (data / KEY).write_bytes(signer.secret_key())
    signer.close()
    script = steps + IMAGE.start(
        root, data, MARKETPLACE_SERVER_PORT=str(port), MARKETPLACE_QUERY_ENABLED="false",
        MARKETPLACE_VIEWS_OPENPGP_KEY=f"/data/{KEY}",
    )  # fmt: skip
    with (
        contained(script, tmp_path / "log") as running,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}", verify=AUTHORITIES, timeout=HANGING, trust_env=False
        ) as http,
    ):

        def answers() -> bool:
            assert running.process.poll() is None, running.told
            try:
                return http.get("/healthz").status_code == 200
            except httpx.TransportError:
                return False

        until(answers, "the image answers", PATIENCE)
        sent = http.post(
            "/metadata",
            content=signed(image(content="contained"), make_identity()),
            headers={"Content-Type": "text/xml"},
        )
        assert sent.status_code == 201, sent.text
        listed = http.get("/views/default/simplestreams/streams/v1/index.sjson")
        assert listed.status_code == 200 and "PGP SIGNATURE" in listed.text, listed.text
        running.send(signal.Signals[IMAGE.stop_signal])
        assert running.process.wait(HANGING) == 0, running.told
    assert {path.stat().st_uid for path in (data, *data.iterdir()) if path.name != KEY} == {USER}


def may_mount() -> bool:
    """Whether this process may make the mounts that a container has."""
    mounts = (
        "mount -t tmpfs tmpfs /tmp && mount -t proc proc /proc && mkdir /tmp/a /tmp/b /tmp/c"
        " && mount -t overlay overlay -o lowerdir=/,upperdir=/tmp/a,workdir=/tmp/b /tmp/c"
    )
    probe = ["unshare", "--mount", "--pid", "--fork", "sh", "-c", mounts]
    return os.geteuid() == 0 and subprocess.run(probe, capture_output=True, check=False).returncode == 0


def test_the_image_is_small_and_works_where_it_cannot_write(tmp_path: Path) -> None:
    if not BUILT.exists():
        pytest.skip("needs the image that `make image` builds")
    if not may_mount():
        pytest.skip("needs root that may mount, to start what is in the image")
    root = BUILT.resolve()
    assert size(root) < LARGEST
    assert not (root / "usr/bin/apt-get").exists() and not list(root.rglob("pytest"))
    assert [name for name in PROGRAMS if not (root / "usr/bin" / name).exists()] == []
    check_it_works(tmp_path, str(root))


@pytest.mark.timeout(2 * PATIENCE)
def test_what_the_containerfile_says_makes_an_image_that_works(tmp_path: Path) -> None:
    """Its own steps, read from it, above this system: a wrong path, user or command in it fails here."""
    if not may_mount():
        pytest.skip("needs root that may mount, to do the steps of the Containerfile")
    if not Path("/usr/bin/apt-get").exists():
        pytest.skip("needs Debian, or what is made of it: the steps install its packages")
    work = tmp_path / "work"
    work.mkdir()
    steps, root = build(TEXT, work)
    check_it_works(tmp_path, root, steps)


def test_the_image_listens_where_it_says() -> None:
    assert ServerSettings().port == IMAGE.port
    assert IMAGE.environ["MARKETPLACE_SERVER_HOST"] == "0.0.0.0"  # a container's own network


def test_every_program_that_the_server_starts_is_in_the_image() -> None:
    started = set()
    for path in (ROOT / "marketplace").rglob("*.py"):
        if "subprocess." in (text := path.read_text()) and not is_elsewhere(path):
            lists = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.List) and node.elts]
            first = [one.elts[0].value for one in lists if isinstance(one.elts[0], ast.Constant)]
            started |= {word for word in first if re.fullmatch(r"[a-z][\w-]*", str(word))}
    assert started == set(PROGRAMS)
    (installed,) = [
        rest for name, rest in instructions(TEXT.partition(" AS system")[2]) if "apt-get install" in rest
    ]
    assert set(PROGRAMS.values()) <= set(installed.split())


def is_elsewhere(path: Path) -> bool:
    return str(path.relative_to(ROOT / "marketplace")).startswith(ELSEWHERE)


@pytest.mark.parametrize(
    "line", ["COPY validator /src/validators", "COPY tests /src/tests", "ADD setup.py /src/"]
)
def test_what_is_not_sent_or_not_known_is_no_step(line: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownInstructionError):
        build(f"FROM ${{BASE}} AS build\n{line}", tmp_path)


def compose() -> dict[str, dict[str, object]]:
    """The services of the compose file."""
    services: dict[str, dict[str, object]] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return services


def test_the_compose_file_runs_commands_and_settings_that_there_are(tmp_path: Path) -> None:
    ours = {name: one for name, one in compose().items() if one["image"] == "marketplace"}
    assert set(ours) == {"schema", "web1", "web2", "worker"}
    for service in ours.values():
        parse(service["command"])
        given = {name: re.sub(r"\$\{.*?\}", "x", value) for name, value in service["environment"].items()}
        load_settings(None, given | {"MARKETPLACE_DATA": str(tmp_path)}, {})
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


def check_compose(file: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Have a compose file read by a program that knows the schema of such files."""
    tool = shutil.which("docker-compose")
    if tool is None:
        complain = pytest.fail if os.environ.get(REQUIRED) else pytest.skip
        complain("needs docker-compose: apt-get install --no-install-recommends docker-compose")
    assert tool is not None
    # It asks no daemon. The settings of whoever runs the test are none of its business.
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "DATABASE_PASSWORD": "of-this-test"}
    return subprocess.run(
        [tool, "-f", str(file), "config"],
        env=environ,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_composers_take_the_compose_file(tmp_path: Path) -> None:
    done = check_compose(DEPLOY / "compose.yaml", tmp_path)
    assert done.returncode == 0, done.stderr
    resolved = yaml.safe_load(done.stdout)
    assert set(resolved["services"]) == set(compose())
    web = resolved["services"]["web2"]["environment"]["MARKETPLACE_DATABASE_URL"]
    assert web == "postgresql://marketplace:of-this-test@database/marketplace"


def test_a_word_that_composers_do_not_know_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text((DEPLOY / "compose.yaml").read_text().replace("read_only: true", "readonly: true"))
    done = check_compose(file, tmp_path)
    assert done.returncode != 0 and "readonly" in done.stderr
