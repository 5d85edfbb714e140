"""Whatever comes in: a clear 4xx with the rule's code, never a 5xx, nothing stored."""

from __future__ import annotations

import html
import http.client
import json
import re
import shlex
import subprocess

import pytest

from tests.factories.documents import image, signed
from tests.waiting import HANGING
from validators import accept
from validators.errors import RefusedError

RDF = {"Content-Type": "application/rdf+xml"}
UPLOAD = b"POST /metadata HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n"
PROBLEM = {"Accept": "application/problem+json"}


@pytest.fixture(scope="module", autouse=True)
def one_entry(server) -> bytes:
    """So that lists have something to show."""
    data = signed(image(content="bad input"))
    with server.client() as client:
        assert client.post("/metadata", content=data, headers=RDF).status_code == 201
    return data


def raw(server, data: bytes) -> tuple[int, bytes]:
    """Send bytes as they are; returns status and body."""
    with server.connect() as sock:
        sock.sendall(data)
        response = http.client.HTTPResponse(sock)
        response.begin()
        return response.status, response.read()


def get(server, target: bytes, headers: bytes = b"Accept: application/problem+json\r\n") -> tuple[int, bytes]:
    return raw(
        server, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers + b"\r\n"
    )


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        (b"/metadata/%FF", 400, "path.encoding"),
        (b"/metadata/\xff\xfe", 400, "http.malformed"),
        (b"/metadata/%ED%A0%80", 400, "path.encoding"),
        (b"/metadata/%00", 400, "path.characters"),
        (b"/metadata/a%0D%0ASet-Cookie:x", 400, "path.characters"),
        (b"/tag/a@b.c/%0a", 400, "path.characters"),
        (b"/metadata?identifier=%FF", 400, "query.encoding"),
        (b"/metadata?sSearch=\xc3", 400, "http.malformed"),
        (b"/metadata?sSearch=a%00b", 400, "query.characters"),
        (b"/metadata?email=a%0D%0Ab", 400, "query.characters"),
        (b"/metadata?status=nonsense", 400, "query.status"),
        (b"/metadata?location=moon", 400, "query.location"),
        (b"/metadata?media=exe", 400, "query.media"),
        (b"/metadata?limit=-1", 400, "query.limit"),
        (b"/metadata?limit=0", 400, "query.limit"),
        (b"/metadata?limit=1e3", 400, "query.limit"),
        (b"/metadata?limit=" + b"9" * 30, 400, "query.limit"),
        (b"/metadata?limit=%D9%A1", 400, "query.limit"),
        (b"/metadata?offset=-1", 400, "query.offset"),
        (b"/metadata?offset=" + b"1" + b"0" * 30, 400, "query.offset"),
        (b"/metadata?media=json&iDisplayStart=-5", 400, "query.iDisplayStart"),
        (b"/metadata?media=json&iDisplayLength=-2", 400, "query.iDisplayLength"),
        (b"/metadata?media=json&iDisplayLength=x", 400, "query.iDisplayLength"),
        (b"/metadata?media=json&iSortCol_0=11", 400, "query.iSortCol_0"),
        (b"/metadata?media=json&iSortCol_0=1&sSortDir_0=up", 400, "query.sSortDir_0"),
        (b"/metadata?media=json&sEcho=%3Cscript%3E", 400, "query.sEcho"),
        (b"/metadata?media=json&sSearch=" + b"+".join(b"w%d" % n for n in range(99)), 400, "query.refused"),
        (b"/metadata?media=json&sSearch=" + b"a" * 2000, 400, "query.sSearch"),
        (b"/metadata?" + b"&".join(b"a=1" for _ in range(900)), 400, "query.fields"),
        (b"/endorsers/a@b.c?range=-1", 400, "query.range"),
        (b"/endorsers/a@b.c?range=99999999999", 400, "query.range"),
        (b"/metadata/../../etc/passwd", 404, "path.unknown"),
        (b"/metadata/x/y", 404, "list.empty"),
        (b"/static/../routes.py", 404, "path.unknown"),
        (b"/static/%2e%2e/%2e%2e/config.py", 404, "path.unknown"),
        (b"/action/x/confirm", 404, "confirmation.link"),
        (b"/metadata/a/b/c/d/e", 404, "path.unknown"),
    ],
)
def test_targets(server, target: bytes, status: int, code: str):
    answered, body = get(server, target)
    problem = json.loads(body)
    assert (answered, problem["code"]) == (status, code)
    assert "Traceback" not in body.decode() and len(body) < 2000


def test_what_is_not_acceptable(server):
    status, body = get(server, b"/metadata", b"Accept: image/png\r\n")
    assert status == 406 and b"<error>Accept excludes every form" in body


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"", RDF, 400, "body.empty"),
        (b"x" * 1_048_577, RDF, 413, "body.size"),
        (b"<x/>", {}, 415, "body.type"),
        (b"<x/>", {"Content-Type": "image/png"}, 415, "body.type"),
        (b"\x1f\x8b\x08", RDF | {"Content-Encoding": "gzip"}, 415, "body.coding"),
        (b"--x\r\n", {"Content-Type": "multipart/form-data; boundary=x"}, 400, "form.cut"),
        (b"--x--", {"Content-Type": "multipart/form-data; boundary=x"}, 400, "form.no-file"),
        (b"--x--", {"Content-Type": "multipart/form-data"}, 400, "form.boundary"),
        (b"not xml", RDF, 400, "parse.not-well-formed"),
        (b"<!DOCTYPE x><x/>", RDF, 400, "parse.doctype"),
        ("<x/>".encode("utf-16"), RDF, 400, "parse.encoding"),
    ],
)
def test_uploads(http, content, headers, status, code):
    for path in ("/metadata", "/api/v1/verify"):
        answer = http.post(path, content=content, headers=headers | PROBLEM)
        if path == "/api/v1/verify" and code.startswith("parse."):
            assert (answer.status_code, answer.json()["refusal"]["code"]) == (200, code)
        else:
            assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_entry_that_curl_sends_as_a_form_is_told_and_not_answered_with_a_list(server, http, tmp_path):
    """What ``curl -d @signed.xml`` does: line ends go, and the type is that of a form."""
    data = signed(image(content="as a form"))
    (tmp_path / "signed.xml").write_bytes(data)
    address = f"{server.url}/metadata"
    for option in ("--data", "--data-binary", "--data-urlencode"):
        command = ["curl", "--silent", "--show-error", option, f"@{tmp_path}/signed.xml", address]
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert answer.startswith("<error>found 'a document sent as a form', expected application/rdf")
    (right,) = re.findall(r"with curl: (.*)</error>", html.unescape(answer))
    command = shlex.split(right.replace("@FILE", f"@{tmp_path}/signed.xml"))
    assert (
        subprocess.run(command, capture_output=True, text=True, check=True).stdout == "metadata entry created"
    )
    assert http.get("/metadata/" + accept(data).identifier).status_code == 200


def test_every_cut_of_an_upload_is_refused_and_leaves_nothing(http):
    data = signed(image(content="cut"))
    for length in range(1, len(data) - 1, 149):
        answer = http.post("/metadata", content=data[:length], headers=RDF | PROBLEM)
        assert answer.status_code == 400 and answer.json()["step"] == 1
    assert http.get("/metadata/" + accept(data).identifier).status_code == 404


def test_every_cut_of_a_form_is_refused(http):
    whole = http.build_request(
        "POST", "/metadata", files={"f": ("a.xml", signed(image(content="form")), "text/xml")}
    )
    body = whole.read()
    for length in (*range(0, 200, 7), *range(200, len(body) - 2, 311)):
        answer = http.post(
            "/metadata",
            content=body[:length],
            headers={"Content-Type": whole.headers["Content-Type"], **PROBLEM},
        )
        assert answer.status_code == 400 and answer.json()["code"].startswith("form.")


@pytest.mark.parametrize(
    "request_bytes",
    [
        UPLOAD + b"Content-Length: -5\r\n\r\n",
        UPLOAD + b"Content-Length: 3, 4\r\n\r\n<x/>",
        UPLOAD + b"Content-Length: " + b"9" * 6000 + b"\r\n\r\n",
        UPLOAD + b"Transfer-Encoding: chunked\r\n\r\nQ\r\n",
        UPLOAD + b"Transfer-Encoding: gzip\r\n\r\n",
        UPLOAD + b"Content-Length: 0\r\nAccept: \x80\xff\r\n\r\n",
        b"GET /metadata HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 20000 + b"\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"GET http://[/metadata HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_malformed_requests(server, request_bytes: bytes):
    status, body = raw(server, request_bytes)
    assert 400 <= status < 500 or status == 501
    assert b"Traceback" not in body and b"waitress" not in body


def test_a_body_far_too_large_is_refused_while_the_client_still_sends(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=HANGING)
    connection.request(
        "POST", "/metadata", body=b"x" * 20_000_000, headers={"Accept": "application/json", **RDF}
    )
    answer = connection.getresponse()
    assert answer.status == 413 and "413" in json.loads(answer.read())
    connection.close()


def test_every_reject_vector_is_refused_with_its_code(http, originals):
    cases = json.loads((originals / "vectors" / "cases.json").read_text())
    rejected = [case["file"] for case in cases if case["expect"] == "reject"]
    assert rejected
    before = http.get("/metadata?status=all&media=json").json()["iTotalRecords"]
    for name in rejected:
        data = (originals / "vectors" / name).read_bytes()
        answer = http.post("/metadata", content=data, headers=RDF | PROBLEM)
        assert answer.status_code == 400, (name, answer.text)
        try:
            accept(data)
        except RefusedError as error:
            assert answer.json()["code"] == error.code, name
        else:
            assert answer.json()["code"].startswith("gate."), name
    assert http.get("/metadata?status=all&media=json").json()["iTotalRecords"] == before


def test_the_log_has_one_line_a_request_and_no_line_of_somebody_elses_making(server):
    headers = b"X-Request-Id: forging-a-line\r\n"
    get(server, b'/metadata?sSearch=%0A{"event":"forged"}', headers)
    assert server.await_log(request_id="forging-a-line")["query"] == 'sSearch=%0A{"event":"forged"}'
    assert not [line for line in server.log_lines() if line.get("event") == "forged"]
    assert not [line for line in server.log_lines() if line["level"] == "error"]
