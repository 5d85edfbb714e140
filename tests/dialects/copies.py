"""Copies of views, and what is in them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from marketplace.cli import run
from marketplace.federation.keys import load_keys
from tests.dialects.conftest import Lab
from tests.waiting import wait_for


@pytest.fixture
def signing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command signs lists with the keys of the marketplace."""
    for name, file in (("certificate", "site.pem"), ("key", "site.key"), ("openpgp_key", "openpgp.key")):
        monkeypatch.setenv(f"MARKETPLACE_VIEWS_{name.upper()}", str(lab.keys / file))


@pytest.fixture(scope="module")
def first(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a copy of the view that is there from the start is made, once."""
    return tmp_path_factory.mktemp("first") / "copy"


@pytest.fixture
def copied(lab: Lab, first: Path, signing: None, tmp_path: Path) -> Path:
    """A copy of the view that is there from the start, to be spoiled."""
    if not first.exists():
        with lab.server.client() as http:
            proof = f"/fed/v1/logs/public/proof/{lab.entries['withdrawn'].entry_id}"
            wait_for(lambda: http.get(proof).status_code == 200)
        assert export(lab, first) == 0
    return Path(shutil.copytree(first, tmp_path / "copy"))


def export(lab: Lab, folder: Path, *more: str) -> int:
    url = "https://copy.example/lists"
    return run(["export", "--static", "--data", str(lab.server.data), "--url", url, *more, str(folder)])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def log_key(lab: Lab) -> str:
    keys = load_keys(lab.server.data)
    assert keys is not None
    return str(keys.log.verifier)
