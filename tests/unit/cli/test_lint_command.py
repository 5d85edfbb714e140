"""``marketplace lint`` on drafts and signed files, with locations that are looked at."""

import gzip
from datetime import UTC, datetime, timedelta

import pytest

from tests.factories import images
from tests.factories.documents import draft_xml, image, signed
from tests.factories.identities import expired_identity
from tests.unit.locations.content import content_server
from tests.unit.validators.test_lint import GOOD
from validators.document import format_time

IMAGE = images.qcow2()
SOON = format_time(datetime.now(UTC) + timedelta(days=30))


@pytest.fixture
def site():
    with content_server() as running:
        running.files["/image"] = IMAGE
        running.files["/image.gz"] = gzip.compress(IMAGE)
        yield running


def draft(tmp_path, **changes):
    path = tmp_path / "draft.xml"
    path.write_text(draft_xml(GOOD.but(**{"valid": SOON, "size": len(IMAGE), **changes})))
    return path


def codes(outcome):
    return [one["code"] for one in outcome.json]


def test_a_good_draft_has_advice_at_most(cli, tmp_path):
    outcome = cli("lint", "--offline", draft(tmp_path), "-o", "json")
    assert (outcome.code, outcome.err, outcome.json) == (0, "", [])
    outcome = cli("lint", "--offline", draft(tmp_path, title=None), "-o", "json")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.json == [
        {
            "code": "title.missing",
            "level": "advice",
            "element": "dcterms:title",
            "message": "give the image a title: lists show the title",
        }
    ]
    assert b"title.missing" in cli("lint", "--offline", draft(tmp_path, title=None)).out


def test_what_is_refused_ends_with_5(cli, tmp_path):
    outcome = cli("lint", draft(tmp_path, size="many"), "-o", "json")
    assert (outcome.code, outcome.is_sentence()) == (5, True)
    assert [(one["level"], one["code"]) for one in outcome.json] == [("error", "bytes.syntax")]


def test_a_signed_file_meets_the_usual_gate(cli, tmp_path):
    (tmp_path / "signed.xml").write_bytes(signed(GOOD, expired_identity()))
    outcome = cli("lint", "--offline", "signed.xml", "-o", "json")
    assert outcome.code == 5
    assert outcome.json[0]["code"] == "gate.certificate-expired"


def test_locations_are_looked_at(cli, tmp_path, site):
    here = ("--allow-private", "127.0.0.0/8", "-o", "json")
    there = {"locations": (f"{site.url}/image",)}
    assert codes(cli("lint", draft(tmp_path, **there), *here)) == [
        "location.not-https",
        "location.private-address",
    ]
    assert "location.other-size" in codes(cli("lint", draft(tmp_path, size=5, **there), *here))
    assert "format.differs" in codes(cli("lint", draft(tmp_path, format="raw", **there), *here))
    assert "compression.differs" in codes(cli("lint", draft(tmp_path, compression="gz", **there), *here))
    missing = {"locations": (f"{site.url}/nowhere",)}
    assert "location.unreachable" in codes(cli("lint", draft(tmp_path, **missing), *here))


def test_a_compressed_content_has_a_size_of_its_own(cli, tmp_path, site):
    packed = {"locations": (f"{site.url}/image.gz",), "compression": "gz"}
    found = codes(cli("lint", draft(tmp_path, **packed), "--allow-private", "127.0.0.1", "-o", "json"))
    assert found == ["location.not-https", "location.private-address"]


def test_addresses_inside_are_said_once_and_not_asked(cli, tmp_path, site):
    there = {"locations": (f"{site.url}/image",)}
    found = codes(cli("lint", draft(tmp_path, **there), "-o", "json"))
    assert found == ["location.not-https", "location.private-address"]
    site.answers["/away"] = (302, {"Location": "http://169.254.169.254/latest/meta-data"}, b"")
    away = {"locations": (f"{site.url}/away",)}
    outcome = cli("lint", draft(tmp_path, **away), "--allow-private", "127.0.0.0/8", "-o", "json")
    assert codes(outcome).count("location.private-address") == 2
    assert "169.254.169.254" in outcome.json[-1]["message"]
    assert [path for _, path in site.asked] == ["/away"]


def test_a_file_that_is_no_metadata_is_one_finding(cli, tmp_path):
    for content in (b"", b"\x00", b"<a/>", signed(image()).replace(b"qcow2", b"qcow3")):
        (tmp_path / "file").write_bytes(content)
        outcome = cli("lint", "file", "-o", "json")
        assert (outcome.code, outcome.is_sentence(), len(outcome.json)) == (5, True, 1)
    assert cli("lint", "nowhere").code == 3
