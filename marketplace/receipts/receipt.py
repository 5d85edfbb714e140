"""Receipts: one line of JSON in one spelling, as a C2SP signed note of the site's Ed25519 key.

A receipt speaks of one entry, one store of the site and one moment. Of two receipts about the
same store and entry the one with the later time counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from marketplace.tlog.errors import KeyFormatError, NoteFormatError, NoteSignatureError
from marketplace.tlog.note import (
    ED25519,
    SigningKey,
    VerifierKey,
    parse_note,
    parse_verifier_key,
    sign_note,
    verify_note,
)
from validators.coded_error import CodedError
from validators.document import format_time
from validators.identifier import is_identifier
from validators.times import parse_time

#: Most bytes of a receipt with its signature.
MAX_RECEIPT: Final = 4096
#: Most characters of a location and of a reason.
MAX_LOCATION, MAX_REASON = 2000, 200

_TYPE: Final = "marketplace-receipt/v1"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_KIND: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
_ENTRY_ID: Final = re.compile(r"[0-9a-f]{64}")
_SHA512: Final = re.compile(r"[0-9a-f]{128}")


class Finding(StrEnum):
    """What a site says of an image."""

    #: The store has it, its bytes are those of the entry, and users can start it.
    AVAILABLE = "available"
    #: The store does not offer it any more.
    WITHDRAWN = "withdrawn"
    #: A location served bytes that differ from the entry.
    MISMATCH = "mismatch"
    #: A location did not serve the content.
    UNREACHABLE = "unreachable"

    @property
    def is_about_location(self) -> bool:
        """Whether it is said of a location, and not of the store."""
        return self in (Finding.MISMATCH, Finding.UNREACHABLE)


class ReceiptError(CodedError, code="receipt"):
    """Bytes are no receipt, or not the receipt of the site that they name."""


class ReceiptFormatError(ReceiptError, code="receipt.format"):
    """Bytes are no receipt in its one spelling, or a value is out of bounds."""


class ReceiptSignatureError(ReceiptError, code="receipt.signature"):
    """The receipt is not signed with the site's key."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A cloud site's signed word about an image.

    Args:
        site: its name, which is also the name of its key: 1-63 letters, digits and ``. _ -``.
        entry_id: 64 hex digits: of the entry by which the site judged the image.
        identifier: of the image, 27 characters.
        finding: what is said.
        at: when the site found that, UTC, whole seconds.
        store: name of the store at the site, as ``site``.
        kind: of the store: ``directory``, ``libvirt`` ...
        sha512: of the bytes the site measured, 128 hex digits; None where it measured none.
        location: that the bytes came from, or should have; ASCII, http or https. ``mismatch``
            and ``unreachable`` need one.
        reason: a clause for people; at most 200 printable characters.
    """

    site: str
    entry_id: str
    identifier: str
    finding: Finding
    at: datetime
    store: str
    kind: str
    sha512: str | None = None
    location: str | None = None
    reason: str | None = None


def is_site_name(text: str) -> bool:
    """Whether a text can name a site."""
    return _NAME.fullmatch(text) is not None


def sign_receipt(receipt: Receipt, key: SigningKey) -> bytes:
    """Write and sign a receipt.

    Args:
        key: the site's; its name must be the site's.

    Raises:
        ReceiptFormatError: a value is out of bounds, so nobody would take the receipt.
    """
    if key.name != receipt.site:
        raise ReceiptFormatError(f"the key is named {key.name}, the site {receipt.site}")
    data = sign_note(_write(receipt), key).to_bytes()
    parse_receipt(data)
    return data


def parse_receipt(data: bytes) -> Receipt:
    """Read a receipt; its signature has still to be verified.

    Raises:
        ReceiptFormatError: it is none.
    """
    if len(data) > MAX_RECEIPT:
        raise ReceiptFormatError(f"a receipt has at most {MAX_RECEIPT} bytes")
    try:
        note = parse_note(data)
    except NoteFormatError as error:
        raise ReceiptFormatError(str(error)) from None
    if len(note.signatures) != 1:
        raise ReceiptFormatError("a receipt has one signature")
    receipt = _read(_parse_object(note.text))
    if _write(receipt) != note.text:
        raise ReceiptFormatError("the receipt is not in canonical form")
    if note.signatures[0].name != receipt.site:
        raise ReceiptFormatError("the signature does not carry the site's name")
    return receipt


def verify_receipt(data: bytes, key: VerifierKey) -> Receipt:
    """Read a receipt and check that the site's key signed it.

    Raises:
        ReceiptFormatError: it is none.
        ReceiptSignatureError: another key signed it, or it was altered.
    """
    receipt = parse_receipt(data)
    if key.kind != ED25519:
        raise ReceiptSignatureError("the key of a site is an Ed25519 key of type 01")
    if receipt.site != key.name:
        raise ReceiptSignatureError(f"the receipt is of {receipt.site}, the key of {key.name}")
    try:
        verify_note(data, [key])
    except NoteSignatureError:
        raise ReceiptSignatureError(f"the receipt is not signed with the key of {key.name}") from None
    return receipt


def parse_site_key(text: str) -> VerifierKey:
    """Read the key of a site as it is sent: ``NAME+hex8+base64``.

    Raises:
        ReceiptFormatError: it is none, or its name cannot be a site's.
    """
    try:
        key = parse_verifier_key(text)
    except KeyFormatError as error:
        raise ReceiptFormatError(str(error)) from None
    if key.kind != ED25519:
        raise ReceiptFormatError("the key of a site is an Ed25519 key of type 01")
    if not is_site_name(key.name):
        raise ReceiptFormatError("the name of a site is 1-63 letters, digits and . _ -")
    return key


def _write(receipt: Receipt) -> str:
    said = {
        "at": format_time(receipt.at),
        "entry": receipt.entry_id,
        "identifier": receipt.identifier,
        "kind": receipt.kind,
        "location": receipt.location,
        "reason": receipt.reason,
        "sha512": receipt.sha512,
        "site": receipt.site,
        "store": receipt.store,
        "type": _TYPE,
        "what": receipt.finding.value,
    }
    present = {name: value for name, value in said.items() if value is not None}
    return json.dumps(present, sort_keys=True, separators=(",", ":")) + "\n"


def _parse_object(text: str) -> Mapping[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise ReceiptFormatError("the text of a receipt is one JSON object on one line")
    if said.get("type") != _TYPE:
        raise ReceiptFormatError(f"the type of a receipt is {_TYPE}")
    return said


def _read(members: Mapping[str, Any]) -> Receipt:
    try:
        finding = Finding(_text(members, "what"))
    except ValueError:
        raise ReceiptFormatError(f"the field what must be one of {', '.join(Finding)}") from None
    try:
        at = parse_time(_text(members, "at"))
    except ValueError as error:
        raise ReceiptFormatError(f"at: {error}") from None
    receipt = Receipt(
        site=_matching(members, "site", _NAME),
        entry_id=_matching(members, "entry", _ENTRY_ID),
        identifier=_text(members, "identifier"),
        finding=finding,
        at=at,
        store=_matching(members, "store", _NAME),
        kind=_matching(members, "kind", _KIND),
        sha512=_matching(members, "sha512", _SHA512) if "sha512" in members else None,
        location=_text(members, "location") if "location" in members else None,
        reason=_text(members, "reason") if "reason" in members else None,
    )
    if not is_identifier(receipt.identifier):
        raise ReceiptFormatError("identifier is not an image's")
    if receipt.location is None and finding.is_about_location:
        raise ReceiptFormatError(f"{finding} needs the location")
    if receipt.location is not None and not _is_location(receipt.location):
        raise ReceiptFormatError(
            f"location must be an http or https address of at most {MAX_LOCATION} ASCII characters"
        )
    if receipt.reason is not None and not (
        receipt.reason.isprintable() and 0 < len(receipt.reason) <= MAX_REASON
    ):
        raise ReceiptFormatError(f"reason must be 1-{MAX_REASON} printable characters")
    return receipt


def _text(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str):
        raise ReceiptFormatError(f"{name} is missing or no text")
    return value


def _matching(members: Mapping[str, Any], name: str, shape: re.Pattern[str]) -> str:
    value = _text(members, name)
    if not shape.fullmatch(value):
        raise ReceiptFormatError(f"{name} is not in the canonical form of a receipt")
    return value


def _is_location(text: str) -> bool:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False
    return usable and len(text) <= MAX_LOCATION and text.isascii() and text.isprintable() and " " not in text
