"""A publisher with a key, and the command that publishes an image of hers."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from tests.factories import images
from tests.factories.identities import make_identity
from tests.functional.running import RunningServer
from tests.unit.locations.content import ContentServer, content_server
from validators import accept
from validators.document import AcceptedEntry

KEYS = ("--cert", "cert.pem", "--key", "key.pem")

HERE = ("--allow-private", "127.0.0.0/8")


@pytest.fixture(scope="module")
def content():
    with content_server() as running:
        yield running


@pytest.fixture
def here(cli, server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A publisher's folder with her keys, in which the command is called."""
    identity = make_identity("Petra Publisher", "petra@example.org")
    (tmp_path / "cert.pem").write_bytes(identity.certificate_pem)
    (tmp_path / "key.pem").write_bytes(identity.key_pem())
    monkeypatch.setenv("MARKETPLACE_ENDPOINT", server.url)
    return tmp_path


@pytest.fixture
def publish(
    cli, here: Path, content: ContentServer, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
):
    """Publishes an image that lies at its location; images of different tests are different ones."""
    count = 0
    folder = re.sub("[^a-z_]", "-", request.node.name)

    def call(
        *more: object, image: bytes | None = None, name: str = "image.qcow2", code: int = 0, **environ: str
    ):
        if image is not None:
            (here / name).write_bytes(image)
            content.files[f"/{folder}/{name}"] = image
        location = f"{content.url}/{folder}/{name}"
        for variable, value in environ.items():
            monkeypatch.setenv(variable, value)
        done = cli("publish", name, "--location", location, *HERE, *KEYS, "-o", "json", *more)
        assert done.code == code, done.err
        return done.json if done.out else done.err

    def fresh() -> bytes:
        nonlocal count
        count += 1
        name = f"{request.node.name} {count}".encode()
        return images.qcow2(1 << 30, length=64 * 1024) + name

    call.fresh = fresh
    return call


def entry_of(http: httpx.Client, told: dict[str, str]) -> AcceptedEntry:
    return accept(http.get(f"/metadata/{told['entry']}").content)


def uploads(http: httpx.Client) -> int:
    return int(http.get("/api/v1/changes?limit=1").json()["size"])
