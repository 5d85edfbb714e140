"""The wheel without extras in a new environment: client, verifier and site work, a server is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.launching import ROOT
from tests.packaging.plain import install
from tests.recording import PAGE, record, recorded
from tests.sites.pictures import qcow2
from tests.stage import reason_against

#: MiB that ``du`` may count for the plain installation, compiled modules included
#: (docs/adr/0075-sixty-megabytes.md).
CEILING = 60


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment with the plain installation."""
    return install(tmp_path_factory.mktemp("plain"))


def call(programs: Path, *words: object, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [programs / "marketplace", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(cwd),
            "MARKETPLACE_KEY_PASSWORD": "",
            "LC_ALL": "C.UTF-8",
        },
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == code, (words, done.stdout, done.stderr)
    return done


@pytest.fixture(scope="module")
def signed(plain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A draft of an image, signed, by the commands of the plain installation alone."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "image.qcow2").write_bytes(qcow2("plain").data)
    call(plain, "keygen", "--email", "me@example.org", "--cert", "me.pem", "--key", "me.key", cwd=folder)
    described = call(plain, "describe", "image.qcow2", "-o", "json", cwd=folder)
    assert '"qcow2"' in described.stdout
    # The smallest document that the format's description shows.
    document = (ROOT / "docs" / "format.md").read_text(encoding="utf-8").partition("```xml\n")[2]
    (folder / "draft.xml").write_text(document.partition("```")[0])
    call(plain, "sign", "--cert", "me.pem", "--key", "me.key", "--out", "signed.xml", "draft.xml", cwd=folder)
    return folder


def test_what_is_installed_is_small(plain: Path) -> None:
    packages = next((plain.parent / "lib").glob("python*/site-packages"))
    assert list(packages.glob("marketplace/__pycache__/*.pyc")), "modules are compiled"
    # A file takes whole blocks of 4 KiB, whatever file system the test runs on.
    sizes = {
        path: sum(-(-file.stat().st_size // 4096) * 4096 for file in [path, *path.rglob("*")]) / 2**20
        for path in packages.iterdir()
    }
    names = {path.name.lower() for path in sizes}
    assert not names & {
        "sqlalchemy",
        "pyramid",
        "whoosh",
        "waitress",
        "alembic",
        "markdown_it",
        "netaddr",
        "oslo_utils",
        "pydantic",
        "setuptools",
        "zstandard",
        "pyoxigraph",
    }
    assert sum(sizes.values()) < CEILING, sorted(sizes.items(), key=lambda one: -one[1])[:8]


def test_a_file_is_looked_at_signed_and_verified(plain: Path, signed: Path) -> None:
    assert "signed.xml" in call(plain, "verify", "signed.xml", cwd=signed).stdout
    call(plain, "lint", "--offline", "signed.xml", cwd=signed)


def test_the_manual_page_tells_of_every_command(plain: Path, signed: Path) -> None:
    """Also of those that need the server: their modules load without it."""
    page = call(plain, "manual", cwd=signed).stdout
    assert page.startswith(".TH MARKETPLACE 1")
    assert all(f".SS marketplace {name}" in page for name in ("verify", "serve", r"peer new\-epoch"))


def test_a_marketplace_that_is_away_is_told_in_a_sentence(plain: Path, signed: Path) -> None:
    away = call(plain, "allowed", "image.qcow2", "--endpoint", "http://127.0.0.1:9", cwd=signed, code=7)
    assert away.stderr.startswith("marketplace: ")
    assert "unexpected" not in away.stderr


def test_a_site_checks_its_configuration(plain: Path, signed: Path) -> None:
    (signed / "images").mkdir()
    (signed / "site.toml").write_text(
        'name = "s"\nstate = "state"\nrun = "run"\n[policy]\nendorsers.allow = ["*@example.org"]\n'
        '[trust]\nanchors = ["me.pem"]\n[[marketplace]]\nurl = "http://127.0.0.1:9"\n'
        '[[store]]\nname = "images"\ntype = "directory"\npath = "images"\n'
    )
    done = call(plain, "site", "check", "--config", "site.toml", cwd=signed, code=5)
    assert "images" in done.stdout + done.stderr
    assert "127.0.0.1:9" in done.stdout + done.stderr
    assert "pip install" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "words",
    [["serve"], ["db", "upgrade"], ["token", "list"], ["reindex"], ["fsck"], ["peer", "list"], ["demo"],
     ["trust", "check"], ["mail", "list"], ["audit"], ["export", "x"], ["import", "."]],
    ids=" ".join,
)  # fmt: skip
def test_a_command_of_a_server_says_what_to_install(plain: Path, signed: Path, words: list[str]) -> None:
    done = call(plain, *words, "--data", "var", cwd=signed, code=2)
    assert "pip install 'image-marketplace[server]'" in done.stderr
    assert not (signed / "var").exists()


def test_every_command_has_help(plain: Path, signed: Path) -> None:
    helped = call(plain, "--help", cwd=signed).stdout
    assert "verify" in helped
    assert "--json" in call(plain, "verify", "--help", cwd=signed).stdout
    assert "--port" in call(plain, "serve", "--help", cwd=signed).stdout


def test_the_recorded_sessions_are_what_happens(plain: Path) -> None:
    if reason := reason_against():
        pytest.skip(reason)
    if shutil.which("xmlsec1") is None:
        assert "REQUIRE_XMLSEC1" not in os.environ, "needs xmlsec1"
        pytest.skip("needs xmlsec1")
    page = recorded(PAGE.read_text(encoding="utf-8"))
    shown = record(plain)
    assert page.keys() == shown.keys()
    for name, session in page.items():
        assert session == shown[name], f"{name}: run python -m tests.recording"
