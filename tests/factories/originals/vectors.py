"""Vectors: documents that break one rule each, or keep to one that is easily thought broken."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from tests.factories.documents import ImageDraft, image, unsigned
from tests.factories.identities import Identity, make_identity
from tests.factories.originals.keys import authority, signer
from tests.factories.signatures import C14N11, C14N_COMMENTS, ENVELOPED, EXCLUSIVE_COMMENTS, sign_raw
from validators.identifier import identifier_from_sha1

_XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"


def _made(
    draft: ImageDraft | None = None,
    who: str = "jane",
    created: str = "2024-05-01T12:00:00Z",
    *,
    identity: Identity | None = None,
    email: str | None = None,
    text: Callable[[str], str] | None = None,
    after: Callable[[bytes], bytes] = lambda data: data,
    **signing: Any,
) -> bytes:
    """A document as the original signer made it, but for what is given.

    Args:
        text: changes the words before they are signed.
        after: changes the bytes after they were signed.
        signing: see ``sign_raw``.
    """
    own = identity or signer(who)
    return after(sign_raw(unsigned(draft, own, created, email=email, hook=text), own, **signing))


def _put(old: str, new: str) -> Callable[[str], str]:
    def changed(text: str) -> str:
        assert old in text, old
        return text.replace(old, new, 1)

    return changed


def _put_after(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def changed(data: bytes) -> bytes:
        assert old in data, old
        return data.replace(old, new, 1)

    return changed


def _in_description(data: bytes) -> bytes:
    start, end = data.index(b"<Signature "), data.index(b"</Signature>") + len(b"</Signature>")
    moved = data[:start] + data[end:]
    return moved.replace(b"</rdf:Description>", data[start:end] + b"</rdf:Description>")


def _covers_an_object_only() -> bytes:
    document = _made(signature=_put("</Signature>", '<Object Id="o">nothing</Object></Signature>'))
    return document.replace(b'<Reference URI="">', b'<Reference URI="#o">')


def _key_value_only(text: str) -> str:
    data = text.index("<X509Data>"), text.index("</X509Data>") + len("</X509Data>")
    return f"{text[: data[0]]}<KeyValue/>{text[data[1] :]}"


def _without_key_info(text: str) -> str:
    return text[: text.index("<KeyInfo>")] + text[text.index("</KeyInfo>") + len("</KeyInfo>") :]


@cache
def _short() -> ImageDraft:
    """Of an image whose SHA-1 begins with a zero, which some programs leave out."""
    numbers = (f"short {n}" for n in range(1000))
    content = next(one for one in numbers if hashlib.sha1(one.encode()).hexdigest().startswith("0"))
    digest = hashlib.sha1(content.encode()).hexdigest()
    return image(content=content, sha1=digest.lstrip("0"), identifier=identifier_from_sha1(digest))


_EMAIL = "jane.tester@example.org</slreq:email>"
_OTHER_EMAIL = _put(_EMAIL, f"x{_EMAIL}")
_OTHER_SUBJECT = _put("<slreq:subject>CN=Jane", "<slreq:subject>CN=Joan")
_DESCRIPTION = "<rdf:Description "
#: Names of vectors with what comes of each: the code of its refusal, or how it is accepted.
_VECTORS: Mapping[str, tuple[str, Callable[[], bytes]]] = {
    "c14n-c14n11": ("accept-legacy", lambda: _made(c14n=C14N11)),
    "c14n-exccomments": ("accept-legacy", lambda: _made(c14n=EXCLUSIVE_COMMENTS)),
    "endorsement-all-wrong": (
        "endorser.subject",
        lambda: _made(text=lambda text: _OTHER_SUBJECT(_OTHER_EMAIL(text))),
    ),
    "endorsement-created-feb30": ("endorsement.created", lambda: _made(created="2024-02-30T00:00:00Z")),
    "endorsement-created-future": ("gate.created-in-future", lambda: _made(created="2999-01-01T00:00:00Z")),
    "endorsement-created-sec60": ("endorsement.created", lambda: _made(created="2024-06-30T23:59:60Z")),
    "endorsement-created-year0": ("endorsement.created", lambda: _made(created="0000-01-01T00:00:00Z")),
    "endorsement-email-ws": ("endorser.email-syntax", lambda: _made(text=_put(_EMAIL, f" {_EMAIL}"))),
    "endorsement-no-created": (
        "shape.count",
        lambda: _made(text=_put("<dcterms:created>2024-05-01T12:00:00Z</dcterms:created>", "")),
    ),
    "endorsement-wrong-email": ("endorser.email", lambda: _made(text=_OTHER_EMAIL)),
    "endorsement-wrong-subject": (
        "endorser.subject",
        lambda: _made(text=_OTHER_SUBJECT),
    ),
    "hostile-email-path": (
        "endorser.email-syntax",
        lambda: _made(who="noemail", email="../../../etc/x@example.org"),
    ),
    "hostile-fakecert-first": (
        "signature.value",
        lambda: sign_raw(
            unsigned(None, signer("jane")),
            signer("joan"),
            certificates=[signer("jane").certificate, signer("joan").certificate],
        ),
    ),
    "id-162bit": ("checksum.value", lambda: _made(image(identifier="P" + "_" * 26, sha1="3" + "f" * 40))),
    "id-short": ("identifier.syntax", lambda: _made(image(identifier="ABC"))),
    "latin1-broken": ("parse.encoding", lambda: _made(after=_put_after(b"A demo", "Ünï".encode("latin-1")))),
    "keyinfo-chain-reversed": (
        "certificate.ca",
        lambda: _made(who="jim", certificates=[authority().certificate, signer("jim").certificate]),
    ),
    "keyinfo-keyvalue-only": ("signature.key-info", lambda: _made(signature=_key_value_only)),
    "keyinfo-missing": ("signature.child", lambda: _made(signature=_without_key_info)),
    "legacy-client-deprecated": ("accept-legacy", lambda: _made(image(deprecated="kernel hole"))),
    "post-b64-whitespace": (
        "accept-legacy",
        lambda: _made(signature=_put("<SignatureValue>", "<SignatureValue>\n ")),
    ),
    "post-comment-added": (
        "accept-legacy",
        lambda: _made(after=_put_after(b"</rdf:Description>", b"<!-- more --></rdf:Description>")),
    ),
    "post-doctype-entity": (
        "parse.doctype",
        lambda: _made(
            after=lambda data: _put_after(b"A demo", b"&a; demo")(
                _put_after(b"<rdf:RDF", b'<!DOCTYPE rdf:RDF [<!ENTITY a "A">]><rdf:RDF')(data)
            )
        ),
    ),
    "post-prefix-unused-ns": (
        "signature.value",
        lambda: _made(after=_put_after(b"<rdf:RDF", b'<rdf:RDF xmlns:zz="urn:zz"')),
    ),
    "post-signedinfo-ws": ("signature.value", lambda: _made(signature=_put("<SignedInfo>", "<SignedInfo> "))),
    "post-whitespace": ("signature.digest", lambda: _made(after=_put_after(b"A demo", b"A  demo"))),
    "ref-object-only": ("signature.child", _covers_an_object_only),
    "ref-xpointer-root": (
        "signature.reference",
        lambda: _made(reference=_put('URI=""', 'URI="#xpointer(/)"')),
    ),
    "sha1-minus": ("checksum.value", lambda: _made(image(sha1=f"-{'1' * 39}", identifier=image().about))),
    "sha1-short": ("accept-legacy", lambda: _made(_short())),
    "sha1-ws": (
        "checksum.value",
        lambda: _made(image(sha1=f" {image().sha1_hex}", identifier=image().about)),
    ),
    "sig-dsa-sha1": (
        "accept-legacy",
        lambda: _made(identity=make_identity(key="dsa1024"), method="dsa-sha1"),
    ),
    "sig-ecdsa-sha256": ("accept-legacy", lambda: _made(who="ec", method="ecdsa-sha256")),
    "sig-in-description": ("signature.place", lambda: _made(after=_in_description)),
    "sig-rsa-sha256": ("accept", lambda: _made(method="rsa-sha256", digest="sha256")),
    "sig-standard": ("accept-legacy", _made),
    "signer-expcert": (
        "accept-legacy",
        lambda: _made(
            identity=make_identity(
                "Expired Cert Tester", key="rsa2048", not_after=datetime(2013, 1, 1, tzinfo=UTC)
            ),
            created="2012-05-01T12:00:00Z",
        ),
    ),
    "signer-odd-name": (
        "accept-legacy",
        lambda: _made(identity=make_identity('Weird, "Tester"\\ + Söhne; <#5> ', key="rsa2048")),
    ),
    "text-attr-nl": (
        "signature.digest",
        lambda: _made(
            image(extra='<x:y xmlns:x="urn:x#" x:z="a&#10;b">c</x:y>'), after=_put_after(b"a&#10;b", b"a\nb")
        ),
    ),
    "transform-trcomments": ("accept-legacy", lambda: _made(transforms=(ENVELOPED, C14N_COMMENTS))),
    "transform-trxpath": ("signature.transform", lambda: _made(transforms=(ENVELOPED, _XPATH))),
    "two-descriptions": (
        "shape.description",
        lambda: _made(text=_put(_DESCRIPTION, f'{_DESCRIPTION}rdf:about="#x"/>{_DESCRIPTION}')),
    ),
    "unsigned": ("signature.count", lambda: unsigned(None, signer("jane"))),
    "valid-bad": ("valid.syntax", lambda: _made(image(valid="soon"))),
    "xmlid-root": ("accept-legacy", lambda: _made(text=_put("<rdf:RDF", '<rdf:RDF xml:id="a"'))),
    "xmlspace-root": ("accept-legacy", lambda: _made(text=_put("<rdf:RDF", '<rdf:RDF xml:space="preserve"'))),
}


def cases() -> list[dict[str, str]]:
    """Each vector with the verdict that it gets, and the code of a refusal."""
    return [
        {"file": f"{name}.xml", "why": name.replace("-", " ")}
        | ({"expect": "reject", "code": outcome} if "." in outcome else {"expect": outcome})
        for name, (outcome, _) in _VECTORS.items()
    ]


def write_vectors(folder: Path) -> None:
    """The vectors: each breaks one rule, or keeps to one that is easily thought broken."""
    folder.mkdir(parents=True)
    for name, (_, make) in _VECTORS.items():
        (folder / f"{name}.xml").write_bytes(make())
    (folder / "cases.json").write_text(json.dumps(cases()), encoding="utf-8")
