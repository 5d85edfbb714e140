"""upload, list and show, against a marketplace that answers what the test wants."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from marketplace.api.presenters import Urls, show_statement
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from validators import accept
from validators.explanations import EXPLANATIONS

GOOD = signed(image(title="Good", tags=("t",), valid="2020-01-01T00:00:00Z"))
PATH = accept(GOOD).coordinates.path()


@pytest.fixture
def marketplace(monkeypatch, cli):
    """Answers by method and path; a value is (status, headers, body)."""
    answers = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, body = answers.get((self.command, self.path.partition("?")[0]), (404, {}, b""))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *arguments):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("MARKETPLACE_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield answers
    server.shutdown()
    thread.join()
    server.server_close()


def page(*paths):
    rows = [["", "debian", "13", "x86_64", e, "null", c, i, "null", "null", "T"] for i, e, c in paths]
    return 200, {}, json.dumps({"iTotalDisplayRecords": len(rows), "aaData": rows}).encode()


@pytest.fixture
def files(tmp_path):
    (tmp_path / "a.xml").write_bytes(GOOD)
    (tmp_path / "b.xml").write_bytes(b"<b/>")
    return tmp_path


def test_upload_tells_where_each_file_is(cli, marketplace, files):
    marketplace["POST", "/metadata"] = (201, {"Location": f"/metadata/{PATH}"}, b"")
    outcome = cli("upload", "-o", "json", "a.xml", "b.xml")
    assert outcome.code == 0
    assert [(row["file"], row["outcome"], row["entry"]) for row in outcome.json] == [
        ("a.xml", "uploaded", PATH),
        ("b.xml", "uploaded", PATH),
    ]


def test_an_upload_that_waits_for_confirmation_is_pending(cli, marketplace, files):
    marketplace["POST", "/metadata"] = (202, {}, b"")
    assert cli("upload", "-o", "json", "a.xml").json[0]["outcome"] == "pending"


@pytest.mark.parametrize(
    ("names", "code"), [(["a.xml"], 8), (["a.xml", "b.xml"], 8), (["a.xml", "nothing.xml"], 1)]
)
def test_uploads_that_fail(cli, marketplace, files, names, code):
    marketplace["POST", "/metadata"] = (409, {}, b'{"detail": "other bytes", "code": "conflict.coordinates"}')
    outcome = cli("upload", *names)
    assert (outcome.code, outcome.out) == (code, b"")
    assert "a.xml: other bytes [conflict.coordinates]" in outcome.err


def test_some_uploads_that_fail_are_partly(cli, marketplace, files):
    marketplace["POST", "/metadata"] = (201, {"Location": f"/metadata/{PATH}"}, b"")
    outcome = cli("upload", "a.xml", "nothing.xml")
    assert outcome.code == 9
    assert b"a.xml" in outcome.out
    assert "nothing.xml: no such file" in outcome.err


def test_list_shows_rows_or_says_that_there_are_none(cli, marketplace):
    marketplace["GET", "/metadata"] = page(PATH.split("/"))
    assert cli("list", "-o", "id").out.decode() == PATH + "\n"
    marketplace["GET", "/metadata"] = page()
    outcome = cli("list")
    assert (outcome.code, outcome.out) == (0, b"")
    assert "no entries" in outcome.err


def test_no_list_is_asked_of_a_marketplace_that_knows_no_checksums(cli, marketplace):
    marketplace["GET", "/metadata"] = page(PATH.split("/"))
    outcome = cli("list", "--checksum", "md5:" + "a" * 32)
    assert (outcome.code, outcome.out) == (7, b"")
    assert cli("list", "--checksum", "a" * 31).code == 2


def test_show_verifies_what_it_shows(cli, marketplace):
    marketplace["GET", f"/metadata/{PATH}"] = (200, {}, GOOD)
    facts = cli("show", PATH, "-o", "json").json
    assert (facts["title"], facts["status"], facts["tags"]) == ("Good", "expired", ["t"])
    assert cli("show", f"http://any.example.org/metadata/{PATH}", "-o", "id").out.decode() == PATH + "\n"
    marketplace["GET", f"/metadata/{PATH}"] = (200, {}, GOOD.replace(b"Good", b"Evil"))
    outcome = cli("show", PATH)
    assert (outcome.code, outcome.out, outcome.is_sentence()) == (5, b"", True)


def test_show_does_not_take_another_entry_for_the_one_asked_for(cli, marketplace):
    other = signed(image(), make_identity("Other", "other@example.org"))
    marketplace["GET", f"/metadata/{PATH}"] = (200, {}, other)
    outcome = cli("show", PATH)
    assert (outcome.code, outcome.out) == (5, b"")
    assert "other@example.org" in outcome.err


def test_show_finds_the_current_entry_of_an_image(cli, marketplace):
    marketplace["GET", "/metadata"] = page(PATH.split("/"))
    marketplace["GET", f"/metadata/{PATH}"] = (200, {}, GOOD)
    assert cli("show", PATH.split("/")[0], "--out", "-").out == GOOD


@pytest.mark.parametrize("name", ["", "a/b/c/d", "http://any.example.org/"])
def test_what_names_no_entry_is_a_usage_error(cli, marketplace, name):
    outcome = cli("show", name)
    assert (outcome.code, outcome.is_sentence()) == (2, True)


@pytest.mark.parametrize(
    ("deprecated", "status"), [("", "deprecated"), ("too old", "deprecated"), (None, "valid")]
)
def test_the_status_of_an_entry(cli, marketplace, deprecated, status):
    data = signed(image(deprecated=deprecated))
    marketplace["GET", f"/metadata/{PATH}"] = (200, {}, data)
    told = cli("show", PATH, "-o", "json").json
    assert (told["status"], told["deprecated"]) == (status, deprecated)


def test_show_tells_everything_under_the_names_of_the_interface(cli, marketplace):
    extra = (
        "<dcterms:compression>xz</dcterms:compression><slterms:hypervisor>kvm</slterms:hypervisor>"
        "<slterms:hypervisor>xen</slterms:hypervisor><slterms:inbound-port>22</slterms:inbound-port>"
        "<slterms:inbound-port>443</slterms:inbound-port><slterms:outbound-port>53</slterms:outbound-port>"
        "<slterms:icmp>8</slterms:icmp><dcterms:creator>Jane</dcterms:creator>"
        '<bio:tool xmlns:bio="http://example.org/bio#" rdf:parseType="Resource">'
        "<dcterms:identifier>blastula</dcterms:identifier><bio:depth>3</bio:depth></bio:tool>"
    )
    data = signed(image(content="all", extra=extra, checksums=(("MD5", "AB" * 16),)))
    path = accept(data).coordinates.path()
    marketplace["GET", f"/metadata/{path}"] = (200, {}, data)
    told = cli("show", path, "-o", "json").json
    assert told["compression"] == "xz"
    assert told["hypervisors"] == ["kvm", "xen"]
    assert (told["inbound_ports"], told["outbound_ports"], told["icmp_types"]) == ([22, 443], [53], [8])
    assert {"algorithm": "MD5", "value": "AB" * 16} in told["checksums"]
    (tool,) = told["extensions"]
    assert [(child["name"], child["text"]) for child in tool["children"]] == [
        ("identifier", "blastula"),
        ("depth", "3"),
    ]
    table = cli("show", path).out.decode()
    for line in ("xz", "443", f"MD5 {'AB' * 16}", "dcterms:creator Jane", "tool <http://example.org/bio#>",
                 "  identifier: blastula", "  depth: 3"):  # fmt: skip
        assert line in table
    # The interface tells the same, and its links.
    served = show_statement(accept(data), Urls("http://any.example.org"))
    assert {name: told[name] for name in served if name != "links"} == {
        name: value for name, value in served.items() if name != "links"
    }


def test_a_refusal_comes_with_its_explanation(cli, marketplace, files):
    problem = json.dumps({"code": "signature.digest", "detail": "changed"}).encode()
    marketplace["POST", "/metadata"] = (400, {}, problem)
    outcome = cli("upload", "a.xml")
    assert outcome.code == 5
    assert EXPLANATIONS["signature.digest"] in outcome.err
    assert outcome.is_sentence()


@pytest.mark.parametrize(("typed", "meant"), [("lst", "list"), ("uplaod", "upload"), ("serach", "search")])
def test_a_mistyped_command_gets_the_one_that_was_meant(cli, typed, meant):
    outcome = cli(typed)
    assert (outcome.code, outcome.is_sentence()) == (2, True)
    assert f"Did you mean '{meant}'?" in outcome.err
