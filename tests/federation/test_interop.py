"""A log of 10 000 entries as an implementation in another language sees it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from marketplace.access import PUBLIC
from marketplace.db import Database
from marketplace.federation.integrator import Integrator
from marketplace.federation.keys import SiteKeys
from marketplace.federation.proofs import prove_entry, prove_growth
from marketplace.federation.published_logs import PublishedLogs
from marketplace.federation.trees import PublishedLog, Trees
from marketplace.tlog.note import SigningKey
from tests.databases import upgrade
from tests.factories.entries import accepted, moment
from tests.factories.storing import imports, take_all

SIZE, STEP = 10_000, 500
PACKAGES = Path("/usr/share/gocode/src/golang.org/x/mod/sumdb")
PROGRAM = Path(__file__).parent / "interop" / "verify.go"
KEYS = SiteKeys(
    SigningKey("mp-a.example", Ed25519PrivateKey.from_private_bytes(bytes(32))),
    SigningKey("mp-a.example/auth", Ed25519PrivateKey.from_private_bytes(bytes(31) + b"1")),
)
KEY = str(KEYS.verifier("mp-a.example/public"))


@dataclass(frozen=True)
class Case:
    """What the program gets: an inclusion, or with ``older`` a consistency."""

    key: str
    note: str
    path: tuple[bytes, ...]
    record: bytes = b""
    index: int = 0
    older: str = ""


def as_json(case: Case) -> dict[str, Any]:
    written = asdict(case)
    written["record"] = base64.b64encode(case.record).decode()
    written["path"] = [base64.b64encode(one).decode() for one in case.path]
    return written


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, compiled."""
    if shutil.which("go") is None or not PACKAGES.is_dir():
        if os.environ.get("REQUIRE_GO"):
            pytest.fail("REQUIRE_GO is set and Go with golang.org/x/mod is not installed")
        pytest.skip("needs Go and golang.org/x/mod (Debian: golang-go golang-golang-x-mod-dev)")
    directory = tmp_path_factory.mktemp("go")
    environ = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": "/usr/share/gocode",
        "GOCACHE": str(directory / "cache"),
        "GOFLAGS": "",
    }
    program = directory / "verify"
    subprocess.run(["go", "build", "-o", program, PROGRAM], env=environ, check=True, timeout=580)
    return program


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path_factory.mktemp('log')}/store.sqlite"
    upgrade(url)
    database = Database.open(url)
    yield database
    database.close()


@pytest.fixture(scope="module")
def cases(database: Database) -> list[Case]:
    """True proofs over the heads that the log had on its way to 10 000 entries."""
    heads: list[PublishedLog] = []
    integrator = Integrator(database, KEYS, lambda: datetime.now(UTC), on_publish=heads.append)
    for start in range(0, SIZE, STEP):
        with database.write() as session:
            take_all(session, imports(accepted(n) for n in range(start, start + STEP)), moment(0))
        while integrator.step():
            pass
    found = []
    with database.read() as session:
        newest = Trees(session).find(PUBLIC)
        assert newest is not None and newest.size == SIZE
        feed, note = PublishedLogs(session, frozenset({PUBLIC})), newest.note.decode()
        for n in (0, 1, 255, 256, 4095, 4096, 8191, 8192, 9983, 9984, SIZE - 1):
            proof = prove_entry(feed, newest, accepted(n).entry_id)
            found.append(Case(KEY, note, proof.path, proof.leaf, proof.index))
        # The empty tree has no consistency proof to check.
        for head in heads[1:]:
            path = tuple(prove_growth(session, newest, head.size))
            found.append(Case(KEY, note, path, older=head.note.decode()))
    return found


def judge(program: Path, cases: list[Case]) -> list[str]:
    """The program's error for each case; empty where it is convinced."""
    asked = json.dumps([as_json(case) for case in cases])
    answer = subprocess.run([program], input=asked, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(answer.stdout)


def test_every_proof_convinces_it(go: Path, cases: list[Case]) -> None:
    assert len(cases) == 11 + SIZE // STEP
    assert judge(go, cases) == [""] * len(cases)


def altered(case: Case) -> Iterator[Case]:
    """The case with one thing in it changed."""
    flipped = bytes([case.path[0][0] ^ 1]) + case.path[0][1:] if case.path else b""
    if case.path:
        yield replace(case, path=(flipped, *case.path[1:]))
        yield replace(case, path=case.path[1:])
    yield replace(case, path=(*case.path, bytes(32)))
    if case.older:
        yield replace(case, older=case.older.replace("\nmp", "\nmq").replace("500\n", "501\n", 1))
    else:
        yield replace(case, index=case.index ^ 1)
        yield replace(case, record=case.record.replace(b'"v":1', b'"v":2'))
    yield replace(case, note=case.note.replace(f"\n{SIZE}\n", f"\n{SIZE + 1}\n"))
    yield replace(case, note=case.note[:-6] + "AAAA=\n")
    yield replace(case, key=str(KEYS.log.verifier))
    yield replace(case, key=str(SigningKey("mp-a.example/public", Ed25519PrivateKey.generate()).verifier))


def test_nothing_altered_convinces_it(go: Path, cases: list[Case]) -> None:
    tampered = [one for case in cases for one in altered(case) if one != case]
    assert len(tampered) > 6 * len(cases)
    # A proof from a head to itself is empty, and has nothing in it to alter but its notes.
    accepted_anyway = [case for case, error in zip(tampered, judge(go, tampered), strict=True) if not error]
    assert accepted_anyway == []
