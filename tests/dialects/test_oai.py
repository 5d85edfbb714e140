"""OAI-PMH, harvested by Sickle as it is installed, and asked for what it has to refuse."""

from __future__ import annotations

import base64
import json
import os
import re
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from lxml import etree

from marketplace.access import Scope
from marketplace.views.dialects.oai import PAGE
from tests.dialects.clients import run
from tests.dialects.conftest import Lab, entry
from tests.functional.access import issue_token
from tests.functional.catalogue import upload
from tests.functional.running import AUTHORITIES
from tests.functional.test_views import make
from validators import accept

OAI = "{http://www.openarchives.org/OAI/2.0/}"
PLACE = "http://images.example.org"


def ask(url: str, *pairs: tuple[str, str]) -> etree._Element:
    """The answer of a repository; it is XML and 200 whatever was asked."""
    answer = httpx.get(f"{url}?{urlencode(pairs)}", verify=AUTHORITIES)
    assert (answer.status_code, answer.headers["content-type"].lower()) == (200, "text/xml; charset=utf-8")
    return etree.fromstring(answer.content)


def error_of(answer: etree._Element) -> str | None:
    error = answer.find(f"{OAI}error")
    return None if error is None else error.get("code")


def token_of(answer: etree._Element) -> str:
    return answer.findtext(f".//{OAI}resumptionToken") or ""


def named(lab: Lab, data: bytes) -> str:
    """The identifier of an entry's record."""
    coordinates = accept(data).coordinates
    return f"oai:127.0.0.1:{coordinates.path()}"


@pytest.fixture(scope="module")
def url(lab: Lab) -> str:
    """A view with several pages, in which an entry was replaced and another one withdrawn."""
    with lab.server.client() as http:
        for number in range(PAGE):
            upload(http, entry(f"item {number}", PLACE, os="plan9"))
        upload(http, entry("item 1", PLACE, os="plan9", minutes=30, title="Again"))
        upload(http, entry("item 2", PLACE, os="plan9", minutes=30, deprecated="hole"))
    return f"{lab.url}/oai-pmh"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_sickle_harvests_everything(lab: Lab, url: str, tmp_path: Path, method: str) -> None:
    debian = f"oai:127.0.0.1:{lab.entries['debian'].coordinates.path()}"
    program = Path(__file__).with_name("sickle_all.py")
    done = run("python", program, url, method, debian, "os:plan9", "2020-01-01T00:00:00Z", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    identify = told["identify"]
    assert (identify["protocolVersion"], identify["deletedRecord"]) == (["2.0"], ["persistent"])
    assert identify["granularity"] == ["YYYY-MM-DDThh:mm:ssZ"]
    assert identify["baseURL"] == [url]
    assert told["formats"] == ["oai_dc", "stratuslab"]
    assert {"status:valid", "os:plan9", "os:debian", "endorser:alice!40example.org"} <= set(told["sets"])
    states = {identifier: deleted for identifier, _, deleted in told["records"]}
    # Once each, over all pages, and in the order in which they came about.
    assert len(states) == len(told["records"]) == len(told["from"]) == PAGE + 7
    assert [one[1] for one in told["records"]] == sorted(one[1] for one in told["records"])
    assert earliest(identify) == told["records"][0][1]
    gone = [
        entry("item 1", PLACE, os="plan9"), entry("item 2", PLACE, os="plan9"),
        entry("item 2", PLACE, os="plan9", minutes=30, deprecated="hole"), record_of(lab, "withdrawn"),
    ]  # fmt: skip
    assert sorted(one for one, deleted in states.items() if deleted) == sorted(
        one if isinstance(one, str) else named(lab, one) for one in gone
    )
    assert told["signed"] == PAGE + 3
    assert len(told["set"]) == PAGE + 2
    record = told["record"]
    assert record["title"] == ["Debian 12 für alle"]
    assert f"entry:{lab.entries['debian'].entry_id}" in record["identifier"]
    proof = httpx.get(record["identifier"][0], verify=AUTHORITIES).content
    assert accept(proof).entry_id == lab.entries["debian"].entry_id
    assert told["errors"] == {
        "token": "BadResumptionToken", "prefix": "CannotDisseminateFormat", "set": "NoRecordsMatch",
        "identifier": "IdDoesNotExist", "argument": "BadArgument",
    }  # fmt: skip


def earliest(identify: dict) -> str:
    return str(identify["earliestDatestamp"][0])


def record_of(lab: Lab, name: str) -> str:
    return f"oai:127.0.0.1:{lab.entries[name].coordinates.path()}"


#: HTTP::OAI follows resumption tokens where it is given what to do with a record.
PERL = """
use HTTP::OAI;
my $harvester = HTTP::OAI::Harvester->new(baseURL => $ARGV[0]);
my $answer = $harvester->ListRecords(metadataPrefix => "oai_dc", onRecord => sub {
    print $_[0]->identifier, " ", ($_[0]->is_deleted ? "deleted" : "there"), "\\n";
});
die $answer->message if $answer->is_error;
"""


def test_http_oai_harvests_the_same(lab: Lab, url: str, tmp_path: Path) -> None:
    if run("perl", "-MHTTP::OAI", "-e", "1", folder=tmp_path).returncode:
        (pytest.fail if os.environ.get("REQUIRE_CLIENTS") else pytest.skip)("needs libhttp-oai-perl")
    done = run("perl", "-e", PERL, url, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    told = dict(line.split() for line in done.stdout.splitlines())
    assert len(told) == PAGE + 7
    assert told[record_of(lab, "withdrawn")] == "deleted"
    assert told[record_of(lab, "debian")] == "there"


def test_the_signed_entry_is_proven_after_it_was_cut_out(lab: Lab, url: str) -> None:
    arguments = {"verb": "GetRecord", "metadataPrefix": "stratuslab", "identifier": record_of(lab, "debian")}
    text = httpx.get(url, params=arguments, verify=AUTHORITIES).text
    found = re.search("<metadata>(.*)</metadata>", text, re.DOTALL)
    assert found is not None, text
    assert accept(found[1].encode()).entry_id == lab.entries["debian"].entry_id


def test_who_harvests_from_the_last_answer_on_misses_nothing(lab: Lab, url: str) -> None:
    before = ask(url, ("verb", "Identify")).findtext(f"{OAI}responseDate")
    data = entry("item 3", PLACE, os="plan9", minutes=10, title="Newer")
    with lab.server.client() as http:
        upload(http, data)
    pairs = (("verb", "ListIdentifiers"), ("metadataPrefix", "oai_dc"), ("from", before or ""))
    # What was uploaded within one second may fill more than one page.
    told, answer = {}, ask(url, *pairs)
    while True:
        told |= {one.findtext(f"{OAI}identifier"): one.get("status") for one in answer.iter(f"{OAI}header")}
        if not token_of(answer):
            break
        answer = ask(url, pairs[0], ("resumptionToken", token_of(answer)))
    assert told[named(lab, data)] is None
    assert told[named(lab, entry("item 3", PLACE, os="plan9"))] == "deleted"
    (again,) = ask(url, *pairs, ("until", before or "")).iter(f"{OAI}responseDate")
    assert (again.text or "") >= (before or "")


def test_the_same_request_is_asked_for_again_by_its_entity_tag(url: str) -> None:
    params = {"verb": "ListRecords", "metadataPrefix": "oai_dc"}
    first = httpx.get(url, params=params, verify=AUTHORITIES)
    again = httpx.get(
        url, params=params, headers={"If-None-Match": first.headers["etag"]}, verify=AUTHORITIES
    )
    assert (again.status_code, again.content) == (304, b"")


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LIST = (("verb", "ListRecords"), ("metadataPrefix", "oai_dc"))


@pytest.mark.parametrize(
    ("pairs", "code"),
    [
        ((), "badVerb"),
        ((("verb", "listRecords"),), "badVerb"),
        ((("verb", "Identify"), ("x", "1")), "badArgument"),
        ((("verb", "Identify"), ("verb", "Identify")), "badArgument"),
        ((*LIST, ("set", "a"), ("set", "b")), "badArgument"),
        ((*LIST, ("resumptionToken", "x")), "badArgument"),
        ((*LIST, ("from", "2026-01-01"), ("until", "2026-01-01T00:00:00Z")), "badArgument"),
        ((*LIST, ("from", "2026-01-02"), ("until", "2026-01-01")), "badArgument"),
        ((*LIST, ("from", "2026-02-30")), "badArgument"),
        ((*LIST, ("from", "yesterday")), "badArgument"),
        ((*LIST, ("until", "9999-12-31")), None),
        ((*LIST, ("until", "0001-01-01")), "noRecordsMatch"),
        ((*LIST, ("from", "9999-12-31T23:59:59Z")), "noRecordsMatch"),
        ((*LIST, ("set", "")), None),
        ((("verb", "ListRecords"), ("metadataPrefix", "")), "cannotDisseminateFormat"),
        ((("verb", "ListRecords"), ("resumptionToken", "")), "badResumptionToken"),
        ((("verb", "ListRecords"), ("resumptionToken", "A" * 5000)), "badResumptionToken"),
        ((("verb", "ListRecords"), ("resumptionToken", "\u00e9")), "badResumptionToken"),
        ((("verb", "ListSets"), ("resumptionToken", "x")), "badResumptionToken"),
        ((("verb", "GetRecord"), ("metadataPrefix", "oai_dc")), "badArgument"),
        ((("verb", "ListMetadataFormats"), ("identifier", "oai:127.0.0.1:x/y/z")), "idDoesNotExist"),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_answered_is_an_error_of_the_protocol(url: str, pairs, code) -> None:
    told = ask(url, *pairs)
    assert error_of(told) == code
    request = told.find(f"{OAI}request")
    assert request is not None and request.text == url
    if code in ("badVerb", "badArgument"):
        assert not request.attrib


def test_a_token_is_of_one_view_and_one_verb_and_of_nobodys_making(lab: Lab, url: str) -> None:
    token = token_of(ask(url, *LIST))
    resume = ("resumptionToken", token)
    assert error_of(ask(url, ("verb", "ListRecords"), resume)) is None
    assert error_of(ask(url, ("verb", "ListIdentifiers"), resume)) == "badResumptionToken"
    with lab.server.client() as http:
        make(http, issue_token(lab.server, "root", [Scope.ADMIN]), "other")
    other = f"{lab.server.url}/views/other/oai-pmh"
    assert error_of(ask(other, *LIST)) is None
    assert error_of(ask(other, ("verb", "ListRecords"), resume)) == "badResumptionToken"
    data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for place in range(0, len(data), 7):
        altered = bytearray(data)
        altered[place] ^= 1
        text = base64.urlsafe_b64encode(bytes(altered)).decode().rstrip("=")
        assert error_of(ask(url, ("verb", "ListRecords"), ("resumptionToken", text))) == "badResumptionToken"


def test_a_deleted_record_has_no_metadata(lab: Lab, url: str) -> None:
    identifier = ("identifier", record_of(lab, "withdrawn"))
    told = ask(url, ("verb", "GetRecord"), ("metadataPrefix", "oai_dc"), identifier)
    header = told.find(f".//{OAI}header")
    assert header is not None and header.get("status") == "deleted"
    assert told.find(f".//{OAI}metadata") is None
    assert error_of(ask(url, ("verb", "ListMetadataFormats"), identifier)) == "noMetadataFormats"


def test_other_methods_and_bodies_are_refused(lab: Lab, url: str) -> None:
    assert httpx.put(url, verify=AUTHORITIES).status_code == 405
    assert httpx.post(url, content=b"verb=%ff", headers=FORM, verify=AUTHORITIES).status_code == 400
    assert (
        httpx.post(url, content=b"verb=" + b"x" * 100_000, headers=FORM, verify=AUTHORITIES).status_code
        == 413
    )
    assert (
        httpx.post(f"{lab.url}/SHA256SUMS", content=b"", headers=FORM, verify=AUTHORITIES).status_code == 405
    )
    assert httpx.get(f"{lab.server.url}/views/none/oai-pmh", verify=AUTHORITIES).status_code == 404
