"""The client turns every answer a marketplace can give into a value or a typed error, within bounds."""

import json

import httpx
import pytest

from marketplace.client.errors import (
    AmbiguousError,
    ClientError,
    EntryConflictError,
    EntryNotFoundError,
    EntryRefusedError,
    InvalidEntryError,
    NoMarketplaceError,
    NotPermittedError,
    TransportError,
)
from marketplace.client.listing import ListQuery
from marketplace.client.marketplace import MarketplaceClient
from marketplace.client.search import SearchQuery
from marketplace.client.transport import TransferLimits, Transport

ENDPOINT = "http://marketplace.example.org/base"
ROW = ["", "debian", "13", "x86_64", "a@b.org", "null", "2024-01-01T00:00:00Z", "A" * 27, "null", "null", "T"]


def client(handler, token=None, **limits):
    def unread(request):
        # httpx reads a ready body at once; over a network it is still to come.
        response = handler(request)
        if response.is_stream_consumed:
            return httpx.Response(
                response.status_code, headers=response.headers, stream=httpx.ByteStream(response.content)
            )
        return response

    transport = Transport(ENDPOINT, TransferLimits(**limits), httpx.MockTransport(unread), token)
    return MarketplaceClient(transport)


def answering(status, **response):
    return client(lambda request: httpx.Response(status, **response))


def page(rows, matching):
    return {"sEcho": "1", "iTotalRecords": 99, "iTotalDisplayRecords": matching, "rMsg": "", "aaData": rows}


def test_upload_posts_the_bytes_and_returns_the_location():
    def handler(request):
        assert (request.method, str(request.url)) == ("POST", ENDPOINT + "/metadata")
        assert request.headers["content-type"] == "application/rdf+xml"
        assert request.read() == b"<entry/>"
        return httpx.Response(201, headers={"Location": "/metadata/x"}, text="metadata entry created")

    receipt = client(handler).upload(b"<entry/>")
    assert (receipt.location, receipt.pending) == (ENDPOINT + "/metadata/x", False)


def test_an_upload_that_waits_for_confirmation_says_so():
    assert answering(202).upload(b"x").pending


@pytest.mark.parametrize(
    ("status", "problem", "kind"),
    [
        (400, {"code": "signature.digest", "detail": "does not match"}, InvalidEntryError),
        (400, {"code": "gate.legacy", "detail": "legacy"}, EntryRefusedError),
        (403, {"code": "gate.certificate-expired", "detail": "expired"}, EntryRefusedError),
        (401, {"detail": "who?"}, NotPermittedError),
        (403, {"detail": "read-only repository"}, NotPermittedError),
        (409, {"code": "conflict.coordinates", "detail": "other bytes"}, EntryConflictError),
        (413, {"detail": "too large"}, EntryRefusedError),
        (415, {"detail": "wrong type"}, ClientError),
        (500, {"detail": "broken"}, TransportError),
        (503, {}, TransportError),
    ],
)
def test_a_refusal_is_typed_and_keeps_reason_and_rule(status, problem, kind):
    with pytest.raises(ClientError) as caught:
        answering(status, json=problem).upload(b"x")
    assert type(caught.value) is kind
    assert caught.value.rule == problem.get("code")
    assert problem.get("detail", str(status)) in str(caught.value)


def test_the_older_shapes_of_errors_are_understood():
    with pytest.raises(InvalidEntryError, match="invalid metadata: bad"):
        answering(400, json={"400": "invalid metadata: bad"}).upload(b"x")
    with pytest.raises(EntryNotFoundError, match="gone"):
        answering(410, json={"410": "gone"}).upload(b"x")


def test_a_message_from_outside_stays_on_one_short_line():
    with pytest.raises(InvalidEntryError) as caught:
        answering(400, json={"detail": "a\nb\x1b[31m" + "c" * 9999}).upload(b"x")
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_an_upload_is_not_redirected():
    with pytest.raises(TransportError, match=r"moved to https://new\.example\.org"):
        answering(308, headers={"Location": "https://new.example.org"}).upload(b"x")


def test_fetch_returns_the_exact_bytes():
    def handler(request):
        assert request.url.raw_path == b"/base/metadata/ID/a%2Bb@c.org/2024-01-01T00:00:00Z"
        return httpx.Response(200, content=b"\xef\xbb\xbf<x/>\r\n")

    assert client(handler).fetch("ID/a+b@c.org/2024-01-01T00:00:00Z") == b"\xef\xbb\xbf<x/>\r\n"


def test_fetch_of_nothing_is_not_found():
    with pytest.raises(EntryNotFoundError):
        answering(404, content=b"<error>metadata entry not found.</error>").fetch("a/b/c")


def test_a_download_is_bounded_in_bytes():
    sent = []

    def endless():
        while True:
            sent.append(1)
            yield b"x" * 65536

    with pytest.raises(TransportError, match="more than 1048576 bytes"):
        client(lambda request: httpx.Response(200, content=endless())).fetch("a/b/c")
    assert len(sent) < 20


def test_a_download_is_bounded_in_time():
    def drip():
        while True:
            yield b"x"

    dripping = client(lambda request: httpx.Response(200, content=drip()), total_seconds=0.0)
    with pytest.raises(TransportError, match="does not answer in time"):
        dripping.fetch("a/b/c")


def test_a_compressed_answer_is_refused_before_it_unfolds():
    def handler(request):
        assert request.headers["accept-encoding"] == "identity"
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=iter([b"\x1f\x8b"]))

    with pytest.raises(TransportError, match="encoding"):
        client(handler).fetch("a/b/c")


def test_a_list_is_read_page_by_page():
    def handler(request):
        start, length = (int(request.url.params[name]) for name in ("iDisplayStart", "iDisplayLength"))
        assert request.url.params["status"] == "all"
        return httpx.Response(200, json=page([ROW] * min(length, 1200 - start), 1200))

    rows = list(client(handler).entries(ListQuery(status="all")))
    assert len(rows) == 1200
    assert (rows[0].email, rows[0].kind, rows[0].title) == ("a@b.org", None, "T")
    assert rows[0].path == "A" * 27 + "/a@b.org/2024-01-01T00:00:00Z"
    assert len(list(client(handler).entries(ListQuery(status="all", limit=700)))) == 700


def test_a_list_that_shrinks_while_it_is_read_ends():
    def handler(request):
        first = request.url.params["iDisplayStart"] == "0"
        return httpx.Response(200, json=page([ROW] * 500, 600) if first else page([], 400))

    assert len(list(client(handler).entries(ListQuery()))) == 500


def test_a_list_that_ends_before_its_end_is_an_error():
    with pytest.raises(TransportError, match="after 0 of 10"):
        list(answering(200, json=page([], 10)).entries(ListQuery()))


def test_only_a_marketplace_says_that_nothing_fits():
    empty = "no metadata matching query found"
    assert list(answering(200, json=page([], 0)).entries(ListQuery())) == []
    for body in (
        json.dumps({"404": empty}),
        f"<error>{empty}</error>",
        json.dumps({"code": "x", "detail": empty}),
    ):
        assert list(answering(404, content=body).entries(ListQuery())) == []


NOT_A_MARKETPLACE = [
    (404, b"", "text/plain"),
    (404, b"<html><title>404 Not Found</title></html>", "text/html"),
    (404, b'{"message": "Not Found"}', "application/json"),
    (404, b"404 page not found\n", "text/plain"),
    (405, b"", "text/plain"),
    (410, b"", "text/plain"),
]


@pytest.mark.parametrize(("status", "body", "content_type"), NOT_A_MARKETPLACE)
@pytest.mark.parametrize(
    "ask",
    [
        lambda one: list(one.entries(ListQuery())),
        lambda one: one.resolve("A" * 27),
        lambda one: one.fetch("a/b/c"),
        lambda one: one.search(SearchQuery("words")),
        lambda one: one.upload(b"<entry/>"),
        lambda one: one.try_upload(b"<entry/>"),
        lambda one: one.publish("a/b/c"),
        lambda one: one.decision("a/b/c"),
        lambda one: one.endorser("a@b.org"),
        lambda one: list(one.endorsers()),
        lambda one: one.proof("0" * 64),
    ],
)
def test_a_404_of_any_other_server_is_no_answer(ask, status, body, content_type):
    with pytest.raises(NoMarketplaceError, match="endpoint"):
        ask(answering(status, content=body, headers={"Content-Type": content_type}))


@pytest.mark.parametrize("status", [200, 201])
def test_an_upload_without_a_receipt_was_no_upload(status):
    for one in (
        answering(status, content=b"<html>welcome</html>"),
        answering(status, headers={"Location": "/x"}),
    ):
        with pytest.raises(NoMarketplaceError):
            one.upload(b"<entry/>")
        with pytest.raises(NoMarketplaceError):
            one.publish("a/b/c")


def test_a_page_of_huge_rows_is_asked_for_in_smaller_pieces():
    huge = [*ROW[:9], "d" * 1_000_000, "T"]

    def handler(request):
        start, length = (int(request.url.params[name]) for name in ("iDisplayStart", "iDisplayLength"))
        return httpx.Response(200, json=page([huge] * min(length, 7 - start), 7))

    assert len(list(client(handler).entries(ListQuery()))) == 7


def test_a_session_is_bounded_in_bytes():
    row = [*ROW[:9], "d" * 1000, "T"]
    endless = client(lambda request: httpx.Response(200, json=page([row] * 500, 10**6)), session_bytes=10**7)
    with pytest.raises(TransportError, match="more than 10000000 bytes in all"):
        for _ in endless.entries(ListQuery()):
            pass


def test_a_list_beyond_all_measure_is_refused():
    with pytest.raises(TransportError, match="claims"):
        next(answering(200, json=page([ROW], 10**9)).entries(ListQuery()))


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"aaData": [], "iTotalDisplayRecords": "1"}', b"[" * 100_000, b"\xff", b"<html>"]
    + [json.dumps(page([bad], 1)).encode() for bad in ([], ["a"], [None] * 11, "text")],
)
def test_a_list_of_another_shape_is_a_transport_error(body):
    with pytest.raises(TransportError):
        list(answering(200, content=body).entries(ListQuery()))


def test_resolve_wants_exactly_one():
    assert answering(200, json=page([ROW], 1)).resolve("A" * 27).email == "a@b.org"
    with pytest.raises(EntryNotFoundError):
        answering(200, json=page([], 0)).resolve("A" * 27, "a@b.org")
    with pytest.raises(AmbiguousError, match=r"a@b\.org, c@d\.org"):
        answering(200, json=page([ROW, [*ROW[:4], "c@d.org", *ROW[5:]]], 2)).resolve("A" * 27)


@pytest.mark.parametrize(
    "error", [httpx.ConnectError("refused"), httpx.ReadTimeout(""), httpx.RemoteProtocolError("x")]
)
def test_no_network_is_a_transport_error(error):
    def handler(request):
        raise error

    with pytest.raises(TransportError, match=r"marketplace\.example\.org"):
        client(handler).fetch("a/b/c")


def test_a_redirect_is_followed_without_reading_its_body():
    def endless():
        while True:
            yield b"x"

    def handler(request):
        if request.url.path.startswith("/new"):
            return httpx.Response(200, stream=httpx.ByteStream(b"<x/>"))
        return httpx.Response(301, headers={"Location": "/new" + request.url.path}, content=endless())

    assert client(handler).fetch("a/b/c") == b"<x/>"


def test_endless_redirects_end():
    with pytest.raises(TransportError, match="redirects"):
        answering(302, headers={"Location": "/again"}).fetch("a/b/c")


def test_a_token_is_shown_to_the_endpoint_and_to_nobody_it_redirects_to():
    seen = []

    def handler(request):
        seen.append((request.url.host, request.headers.get("Authorization")))
        if request.url.host == "marketplace.example.org":
            return httpx.Response(302, headers={"Location": "http://elsewhere.example.org/x"})
        return httpx.Response(200, content=b"<entry/>")

    assert client(handler, token="mpt_x").fetch("x") == b"<entry/>"
    assert seen == [("marketplace.example.org", "Bearer mpt_x"), ("elsewhere.example.org", None)]
