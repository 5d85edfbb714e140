"""trust refresh and trust forget, against a real database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.unit.trust.authorities import crl_bytes, root

ROOT = root()
RITA = make_identity("Rita", "rita@example.org", issuer=ROOT)


def test_refresh_judges_and_forget_lets_a_list_go(cli, data, tmp_path, monkeypatch):
    now = datetime.now(UTC).replace(microsecond=0)
    anchors, documents = tmp_path / "anchors", tmp_path / "documents"
    anchors.mkdir()
    documents.mkdir()
    (anchors / "root.pem").write_bytes(ROOT.certificate_pem)
    dates = {"this_update": now - timedelta(hours=1), "next_update": now + timedelta(days=9)}
    (anchors / "root.r0").write_bytes(crl_bytes(ROOT, RITA, **dates))
    (documents / "rita.xml").write_bytes(signed(image(), RITA))
    monkeypatch.setenv("MARKETPLACE_TRUST_ANCHORS", str(anchors))
    assert cli("import", "--data", data, str(documents)).code == 0
    outcome = cli("trust", "refresh", "--data", data)
    assert (outcome.code, "certificates checked: 1, changed: 1" in outcome.err) == (0, True)
    (anchors / "root.r0").unlink()
    outcome = cli("trust", "refresh", "--data", data)
    assert "trust.crl-gone" in outcome.err and "certificates checked: 0" in outcome.err
    assert cli("trust", "forget", "--data", data, "other.r0").code == 3
    outcome = cli("trust", "forget", "--data", data, "root.r0")
    assert (outcome.code, str(anchors / "root.r0") in outcome.err) == (0, True)
    outcome = cli("trust", "refresh", "--data", data)
    assert "certificates checked: 1, changed: 1" in outcome.err and "gone" not in outcome.err
    told = cli("audit", "--data", data, "-o", "json").json
    acts = [(one["action"], one["subject"]) for one in told]
    assert sorted(acts) == [("log.import", "public"), ("trust.forget", str(anchors / "root.r0"))]
