"""A catalogue as the original marketplace had it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.factories.documents import ImageDraft, image, unsigned
from tests.factories.originals.keys import ISSUER, signer
from tests.factories.signatures import sign_raw


def _legacy(draft: ImageDraft, who: str, created: str) -> bytes:
    return sign_raw(unsigned(draft, signer(who), created), signer(who))


@dataclass(frozen=True)
class _Document:
    """An entry of the catalogue: by whom, when, and what it says."""

    who: str
    created: str
    draft: ImageDraft
    status: str = "valid"
    latest: bool = True
    location_kind: str = "web"


def _draft(number: int, **said: Any) -> ImageDraft:
    usual = {
        "os": ("debian", "fedora", "ubuntu")[number % 3],
        "os_version": str(number),
        "os_arch": ("i686", "x86_64")[number % 2],
        "format": ("qcow2", "raw", "vmdk", "vdi")[number % 4],
        "title": f"Élodie's image & <more> #{number}",
        "description": f"Base image {number}.\n        See http://example.org/docs?a=1&b=2 for details.",
        "valid": "2038-08-15T22:11:01Z",
        "checksums": (("MD5", "2e" * 16), ("SHA-256", "b4" * 32), ("SHA-512", "2f" * 64)),
        "version": f"{number}.7",
    }
    return image(content=f"original {number}", **{**usual, **said})


_PDISK = ("pdisk:onehost.example.org:8445:5e0a0a6c-5a1c-4f0e-8f3c-2b4c0d9e7a11",)
_WEB = ("http://appliances.example.org/a.img.gz", "ftp://ftp.example.org/a.img.gz?x=1&y=2")
_CATALOGUE: Sequence[_Document] = (
    _Document("jim", "2011-04-19T17:38:37Z", _draft(0, valid="2011-10-14T17:38:37Z"), "expired"),
    _Document("jane", "2012-04-19T17:38:37Z", _draft(1, valid=None, tags=("stable", "Élan/1"))),
    _Document("joan", "2013-04-19T17:38:37Z", _draft(2, deprecated="kernel hole"), "deprecated"),
    _Document("jim", "2014-01-01T00:00:00Z", _draft(3, locations=_PDISK), location_kind="pdisk"),
    _Document("jim", "2014-01-02T00:00:00Z", _draft(4, locations=(*_WEB, *_PDISK)), location_kind="mixed"),
    _Document("jane", "2014-01-03T00:00:00Z", _draft(5, locations=()), location_kind="none"),
    _Document("joan", "2015-01-01T00:00:00Z", _draft(6, title="First words"), latest=False),
    _Document("joan", "2015-06-01T00:00:00Z", _draft(6, title="Second words")),
    _Document("jane", "2015-06-01T00:00:00Z", _draft(6, kind="disk", description=None)),
    _Document("jim", "2016-01-01T00:00:00Z", _draft(7), latest=False),
    _Document("jim", "2016-02-01T00:00:00Z", _draft(7, deprecated=""), "deprecated"),
    _Document("jane", "2017-01-01T00:00:00Z", _draft(8, locations=_WEB, os_version=None, version=None)),
)


def manifest() -> list[dict[str, Any]]:
    """What each document of the catalogue says."""
    return [_told(number, one) for number, one in enumerate(_CATALOGUE)]


def _told(number: int, one: _Document) -> dict[str, Any]:
    draft = one.draft
    subject = f"CN={one.who.title()} Tester,OU=Testing Department,O=StratusLab Project,C=EU"
    return {
        "file": f"{number:04}.xml",
        "identifier": draft.about,
        "email": f"{one.who}.tester@example.org",
        "created": one.created,
        "valid": draft.valid,
        "status": one.status,
        "latest": one.latest,
        "upload_order": number,
        "location_kind": one.location_kind,
        "locations": list(draft.locations),
        "tags": list(draft.tags),
        "subject": subject,
        "issuer": subject if one.who == "jane" else ISSUER,
        "sha1": draft.sha1_hex,
        "os": draft.os,
        "osversion": draft.os_version,
        "arch": draft.os_arch,
        "kind": draft.kind,
        "format": draft.format,
        "version": draft.version,
        "title": draft.title,
        "description": draft.description,
    }


def write_corpus(folder: Path) -> None:
    """The catalogue: every document signed as the original signer did."""
    folder.mkdir(parents=True)
    for said, one in zip(manifest(), _CATALOGUE, strict=True):
        (folder / said["file"]).write_bytes(_legacy(one.draft, one.who, one.created))
    (folder / "manifest.json").write_text(json.dumps(manifest()), encoding="utf-8")
