"""Entries that acceptance takes and the verdict refuses: alone, at a running site, and at a terminal."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from marketplace.cli import run
from marketplace.db import Database
from marketplace.ingest import IngestResult, IngestService, UploadPolicy
from marketplace.trust import TrustService, TrustStore
from marketplace.trust_files.loading import Sources
from tests.attacks.distrust import DISTRUSTED, deceits
from tests.attacks.distrust.forging import Cast, Deceit, crl, der, install
from tests.costs import JUDGING, costing_at_most
from tests.databases import upgrade
from tests.functional.running import RunningServer, running_server
from validators import accept
from validators.decision import Decision, RuleOutcome
from validators.material import TrustPolicy

#: CPU for a whole verdict: 64 signatures at most, some of them of large keys.


def honest(strict: bool) -> Deceit:
    """An endorser whom the site trusts, to show that its answer is not always no."""
    cast = Cast(f"honest endorser, {strict=}")
    root = cast.root()
    middle = cast.authority(root)
    return Deceit(cast.entry(cast.issue(middle)), [der(root)], lists=[crl(root), crl(middle)])


def decided(deceit: Deceit, strict: bool, folder: Path) -> Decision:
    """What a site with nothing but these files decides."""
    settings = install([deceit], folder)
    sources = Sources(
        anchors=tuple(settings[name] for name in ("trust_anchors",) if name in settings),
        intermediates=tuple(settings[name] for name in ("trust_intermediates",) if name in settings),
        lists=tuple(settings[name] for name in ("trust_crls",) if name in settings),
        allowed=Path(settings["trust_allowlist"]) if "trust_allowlist" in settings else None,
    )
    store = TrustStore(sources, TrustPolicy(missing_crl="refuse" if strict else "accept"))
    return TrustService(store).decide(accept(deceit.document), datetime.now(UTC))


def test_every_attack_has_a_name_of_its_own() -> None:
    names = Counter(attack.name for attack in DISTRUSTED)
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize(
    "number", range(len(DISTRUSTED)), ids=lambda n: f"{DISTRUSTED[n].kind}: {DISTRUSTED[n].name}"
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_acceptance_takes_it_and_the_verdict_says_no(number: int, tmp_path: Path) -> None:
    attack, deceit = deceits()[number]
    accepted = accept(deceit.document)
    with costing_at_most(2 * JUDGING):
        decision = decided(deceit, attack.strict, tmp_path)
    failed = {rule.name: rule.found for rule in decision.rules if rule.outcome is RuleOutcome.FAILED}
    assert not decision.trusted
    assert decision.certificate.standing.value == attack.standing, failed
    assert attack.because in failed[attack.rule], failed
    assert accepted.coordinates.path()


@pytest.mark.parametrize("strict", [False, True])
def test_the_same_site_trusts_an_honest_endorser(strict: bool, tmp_path: Path) -> None:
    assert decided(honest(strict), strict, tmp_path).trusted


@contextmanager
def site(folder: Path, strict: bool) -> Iterator[tuple[RunningServer, dict[str, str]]]:
    """A server that holds every attack of a kind of site, and the path of each; "" is the honest one."""
    data, trust = folder / "data", folder / "trust"
    data.mkdir()
    trust.mkdir()
    upgrade(f"sqlite:///{data}/marketplace.sqlite")
    chosen = {attack.name: deceit for attack, deceit in deceits() if attack.strict is strict}
    chosen[""] = honest(strict)
    database = Database.open(f"sqlite:///{data}/marketplace.sqlite")
    ingest = IngestService(database, UploadPolicy(legacy="accept"))
    try:
        outcomes = list(ingest.import_all(deceit.document for deceit in chosen.values()))
    finally:
        ingest.close()
        database.close()
    paths = {}
    for name, outcome in zip(chosen, outcomes, strict=True):
        assert isinstance(outcome, IngestResult), (name, outcome)
        paths[name] = outcome.coordinates.path()
    settings = install(list(chosen.values()), trust) | {"trust_missing_crl": "refuse" if strict else "accept"}
    with running_server(data, **settings) as server:
        yield server, paths


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("strict", [False, True])
def test_a_site_that_holds_them_all_says_no_to_each(
    strict: bool, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    wrong = []
    with site(tmp_path, strict) as (server, paths), server.client() as client:
        for attack in (one for one in DISTRUSTED if one.strict is strict):
            path = paths[attack.name]
            answer = client.get(f"/api/v1/entries/{path}/decision").json()
            failed = [rule["rule"] for rule in answer["rules"] if rule["outcome"] == "failed"]
            if (answer["trusted"], answer["standing"], attack.rule in failed) != (
                False,
                attack.standing,
                True,
            ):
                wrong.append((attack.name, answer["trusted"], answer["standing"], failed))
            assert client.get(f"/metadata/{path}").status_code == 200
        assert wrong == []
        assert client.get(f"/api/v1/entries/{paths['']}/decision").json()["trusted"] is True
        assert client.get("/readyz").status_code == 200
        chosen = [one for one in DISTRUSTED if one.strict is strict][::12]
        for attack in chosen:
            assert run(["why", "--endpoint", server.url, paths[attack.name]]) in (0, 6)
            told = capfd.readouterr().out
            assert re.search(f"does NOT trust .*: {attack.standing}$", told, re.MULTILINE)
            assert f"failed  {attack.rule}:" in told
    assert [line for line in server.log_lines() if "Traceback" in str(line)] == []
