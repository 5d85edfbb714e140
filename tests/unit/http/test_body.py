"""The entry inside a request."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyramid.request import Request

from marketplace.http.body import first_file, read_entry
from marketplace.http.errors import BadRequestError, HttpError, TooLargeError
from marketplace.http.parameters import read_body_form

SITE = "https://images.example.org"
TYPE = 'multipart/form-data; boundary="AaB03x"'


def form(*parts: bytes, end: bytes = b"--AaB03x--\r\n") -> bytes:
    return b"".join(b"--AaB03x\r\n" + part + b"\r\n" for part in parts) + end


def file_part(content: bytes, name: bytes = b'filename="a.xml"', extra: bytes = b"") -> bytes:
    return b'Content-Disposition: form-data; name="f"; ' + name + b"\r\n" + extra + b"\r\n" + content


FIELD = b'Content-Disposition: form-data; name="comment"\r\n\r\nhello'


def request(body: bytes, content_type: str | None = "application/rdf+xml", **headers: str) -> Request:
    environ = Request.blank("/metadata", method="POST").environ
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    if content_type is not None:
        environ["CONTENT_TYPE"] = content_type
    return Request({**environ, **headers})


@pytest.mark.parametrize(
    "content_type", ["application/xml", "text/xml; charset=utf-8", "APPLICATION/RDF+XML ; a=b"]
)
def test_a_body_of_an_xml_type_is_the_entry(content_type: str):
    assert read_entry(request(b"<x/>", content_type), 100, SITE) == b"<x/>"


def test_the_first_file_of_a_form_is_the_entry():
    body = form(FIELD, file_part(b"<x/>\r\n--AaB\r\n", extra=b"Content-Type: text/xml\r\n"), file_part(b"2"))
    assert read_entry(request(body, TYPE), 100, SITE) == b"<x/>\r\n--AaB\r\n"


@pytest.mark.parametrize("name", [b"filename*=UTF-8''a%20b.xml", b"filename=a.xml", b'FILENAME="x"'])
def test_file_names_in_any_spelling(name: bytes):
    assert first_file(form(file_part(b"<x/>", name)), TYPE) == b"<x/>"


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"", "application/xml", 400, "body.empty"),
        (b"x" * 101, "application/xml", 413, "body.size"),
        (form(file_part(b"x" * 101)), TYPE, 413, "body.size"),
        (form(file_part(b"x" * 40000)), TYPE, 413, "body.size"),
        (b"<x/>", None, 415, "body.type"),
        (b"<x/>", "application/octet-stream", 415, "body.type"),
        (b"<x/>", "text/plain\x00", 415, "body.type"),
        (form(FIELD), TYPE, 400, "form.no-file"),
        (form(file_part(b"", b'filename=""')), TYPE, 400, "form.no-file"),
        (form(file_part(b"")), TYPE, 400, "body.empty"),
        (form(), TYPE, 400, "form.no-file"),
        (b"", TYPE, 400, "form.cut"),
        (form(file_part(b"<x/>"), end=b""), TYPE, 400, "form.cut"),
        (form(b"no header"), TYPE, 400, "form.part"),
        (
            form(file_part(b"PHgvPg==", extra=b"Content-Transfer-Encoding: base64\r\n")),
            TYPE,
            400,
            "form.coding",
        ),
        (form(file_part(b"<x/>")), "multipart/form-data", 400, "form.boundary"),
        (form(file_part(b"<x/>")), "multipart/form-data; boundary=other", 400, "form.cut"),
        (form(file_part(b"<x/>")), "multipart/form-data; boundary=" + "a" * 99, 400, "form.boundary"),
    ],
)
def test_other_bodies_are_refused_with_a_code(body: bytes, content_type: str | None, status: int, code: str):
    with pytest.raises(HttpError) as caught:
        read_entry(request(body, content_type), 100, SITE)
    assert (caught.value.status, caught.value.code) == (status, code)


def test_a_wrong_type_is_told_with_the_command_that_is_right():
    with pytest.raises(HttpError) as caught:
        read_entry(request(b"<x/>", "text/plain"), 100, SITE)
    right = "curl --data-binary @FILE --header 'Content-Type: application/rdf+xml' 'https://images.example.org/metadata'"
    assert right in caught.value.reason


@pytest.mark.parametrize(
    "body",
    [
        b"<x/>",
        b"\xef\xbb\xbf<x/>",
        b"\r\n <x/>",
        b"%3C%3Fxml+version%3D%221.0%22%3F%3E",
        b"%ef%bb%bf%0A%3cx/%3e",
        b"<x>" + b"y" * 70_000 + b"</x>",
    ],
)
def test_a_document_that_is_sent_as_a_form_is_refused_before_its_size(body: bytes):
    with pytest.raises(HttpError) as caught:
        read_body_form(request(body, "application/x-www-form-urlencoded"))
    assert (caught.value.status, caught.value.code) == (415, "body.document")


@pytest.mark.parametrize("body", [b"", b"a=<x/>", b"sSearch=%3Cx", b"a", b"+a=1"])
def test_a_form_is_a_form_whatever_its_fields_hold(body: bytes):
    read_body_form(request(body, "application/x-www-form-urlencoded"))


def test_compressed_bodies_are_not_taken():
    with pytest.raises(HttpError) as caught:
        read_entry(request(b"\x1f\x8b", HTTP_CONTENT_ENCODING="gzip"), 100, SITE)
    assert (caught.value.status, caught.value.code) == (415, "body.coding")


@given(st.binary(max_size=300), st.sampled_from([b"", b"\r\n--AaB03x", b"--AaB03x\r\n"]))
def test_any_form_is_read_or_refused(noise: bytes, middle: bytes):
    try:
        first_file(noise + middle + noise + b"\r\n--AaB03x--", TYPE)
    except BadRequestError as error:
        assert error.code.startswith("form.")


def test_what_is_too_large_is_called_a_body_since_not_every_body_is_an_entry() -> None:
    assert TooLargeError(65536).reason == "the body is larger than the 65536 bytes that are taken here"
