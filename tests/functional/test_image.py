"""The container image and the compose file of deploy/."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path

import httpx
import pytest
import yaml
from packaging.requirements import Requirement

from marketplace.config import load_settings
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.running import AUTHORITIES, free_port
from tests.functional.sites import until
from tests.unit.cli.test_help import parse
from tests.waiting import HANGING

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
#: Set where the tests must not be skipped for want of a program.
REQUIRED = "REQUIRE_COMPOSE"
#: What `make image` leaves.
BUILT = ROOT / "build" / "image" / "root"
#: Bytes; a promise of docs/scale.md.
LARGEST = 250_000_000
USER = re.findall(r"^USER (\d+):\1$", (DEPLOY / "Containerfile").read_text(), re.M)[-1]
#: Runs a command in a copy of the system that nobody can write to, but for two folders.
CONTAIN = """\
set -e
mount --bind "$1" "$1"
mount -o remount,ro,bind "$1"
mount --bind "$2" "$1/data"
mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
mount -t proc proc "$1/proc"
mount --bind /dev "$1/dev"
shift 2
{borrow}
exec chroot --userspec={user}:{user} --groups= "$root" /usr/bin/env -i {environ} sh -c "$*"
"""


def size(folder: Path) -> int:
    """Bytes of the files below a folder, each once."""
    files = (path.lstat() for path in folder.rglob("*"))
    return sum({(one.st_dev, one.st_ino): one.st_size for one in files}.values())


@contextmanager
def contained(
    root: Path, data: Path, port: int, borrowed: Iterable[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """The image's own command, as a container runs it: no root, and no place to write but /data.

    Args:
        borrowed: folders of this system that are shown in the image, at the same paths.
    """
    (command,) = re.findall(r"^CMD (.*)$", (DEPLOY / "Containerfile").read_text(), re.M)
    said = " ".join(
        re.findall(r"^ENV ((?:.*\\\n)*.*)$", (DEPLOY / "Containerfile").read_text(), re.M)[-1].split()
    )
    environ = said.replace("\\ ", "") + f" MARKETPLACE_SERVER_PORT={port} MARKETPLACE_QUERY_ENABLED=false"
    borrow = "\n".join(
        f"mount --bind {one} {root}{one} && mount -o remount,ro,bind {root}{one}" for one in borrowed
    )
    script = CONTAIN.format(user=USER, environ=environ, borrow=borrow).replace("$root", str(root))
    with (data.parent / "log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, "contain",
             root, data, json.loads(command)[-1]],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield process
    finally:
        # A change of the user ends what --kill-child promises.
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.kill()
        for child in children:
            with suppress(ProcessLookupError):  # it ended by itself
                os.kill(int(child), signal.SIGKILL)
        process.wait(HANGING)


def test_the_image_is_small_and_works_where_it_cannot_write(tmp_path: Path) -> None:
    if not BUILT.exists():
        pytest.skip("needs the image that `make image` builds")
    if os.geteuid() != 0:
        pytest.skip("needs root to start what is in the image")
    root = BUILT.resolve()
    assert size(root) < LARGEST
    assert not (root / "usr/bin/apt-get").exists() and not list(root.rglob("pytest"))
    check_it_works(tmp_path, root)


def check_it_works(tmp_path: Path, root: Path, borrowed: Iterable[str] = ()) -> None:
    """Start what is in the image, and upload to it."""
    data, port = tmp_path / "data", free_port()
    data.mkdir(mode=0o700)
    os.chown(data, int(USER), int(USER))
    with contained(root, data, port, borrowed) as process:
        began = time.monotonic()

        def answers() -> bool:
            assert process.poll() is None, (tmp_path / "log").read_text()
            try:
                return httpx.get(f"http://127.0.0.1:{port}/healthz", verify=AUTHORITIES).status_code == 200
            except httpx.TransportError:
                return False

        until(answers, "the image answers")
        print(f"{size(root) / 1e6:.0f} MB, answers after {time.monotonic() - began:.1f} s")  # noqa: T201  # measured
        sent = httpx.post(
            f"http://127.0.0.1:{port}/metadata", content=signed(image(content="contained"), make_identity()),
            headers={"Content-Type": "text/xml"}, verify=AUTHORITIES, timeout=HANGING,
        )  # fmt: skip
        assert sent.status_code == 201, sent.text
    assert {path.stat().st_uid for path in data.iterdir()} == {int(USER)}


def may_mount() -> bool:
    """Whether this process may make the mounts that a container has."""
    mounts = "mount -t tmpfs tmpfs /tmp && mount -t proc proc /proc"
    probe = ["unshare", "--mount", "--pid", "--fork", "sh", "-c", mounts]
    return os.geteuid() == 0 and subprocess.run(probe, capture_output=True, check=False).returncode == 0


def put_packages(site: Path) -> None:
    """Copy the distributions that the server's lock file names to where the image has them."""
    lock = (ROOT / "requirements-server.lock").read_text()
    for line in re.findall(r"^(\w\S*==[^\\\n]*)", lock, re.M):
        named = Requirement(line)
        if named.marker is not None and not named.marker.evaluate():
            continue
        for file in metadata.distribution(named.name).files or ():
            found = Path(str(file.locate()))
            if ".." not in file.parts and found.exists():
                (site / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(found, site / file)


def build_by_steps(root: Path) -> Iterable[str]:
    """Make what the Containerfile adds to a system, of packages that are installed here.

    Returns:
        the folders of this system that it needs.
    """
    venv = root / "opt/marketplace"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(venv), "platbase": str(venv)}))
    put_packages(site)
    source = root / "src"
    source.mkdir()
    for names, target in re.findall(
        r"^COPY (?!--)(.*) (/src\S*)$", (DEPLOY / "Containerfile").read_text(), re.M
    ):
        for name in names.split():
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, root / target[1:])
            else:
                shutil.copy2(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--python", venv / "bin/python", "install", "-q", "--no-cache-dir"]
    subprocess.run(
        [*pip, "--no-compile", "--no-deps", "--no-index", "--no-build-isolation", "."],
        cwd=source, env={**os.environ, "PYTHONPATH": str(site)}, check=True,
    )  # fmt: skip
    script = venv / "bin/marketplace"
    script.write_text(script.read_text().replace(str(root), "", 1))
    libraries = [
        one for one in site.rglob("*.so") if not one.relative_to(site).parts[0].startswith("psycopg_binary")
    ]
    subprocess.run(["strip", "--strip-unneeded", *libraries], check=True)
    for folder in sorted(one for one in site.rglob("tests") if one.is_dir()):
        # It may have gone with one around it.
        if folder.exists():
            shutil.rmtree(folder)
    borrowed = [one for one in ("/usr", "/lib", "/lib64", "/bin", "/etc") if Path(one).is_dir()]
    if not sys.base_prefix.startswith("/usr"):
        borrowed.append(sys.base_prefix)
    for one in (*borrowed, "/data", "/tmp", "/proc", "/dev"):  # noqa: S108  # mount points of the image
        (root / one[1:]).mkdir(parents=True, exist_ok=True)
    return borrowed


def test_what_the_image_adds_to_a_system_works_where_it_cannot_write(tmp_path: Path) -> None:
    if not may_mount():
        pytest.skip("needs root that may mount, to start what is in the image")
    if shutil.which("strip") is None:
        complain = pytest.fail if os.environ.get("REQUIRE_IMAGE") else pytest.skip
        complain("needs strip: apt-get install binutils")
    root = tmp_path / "root"
    root.mkdir(mode=0o755)
    check_it_works(tmp_path, root, build_by_steps(root))


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
