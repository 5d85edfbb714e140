"""The settings file of ``marketplace mirror vendor``: TOML, a table for each image."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from marketplace.publishing.terms import TermError, parse_name
from marketplace.vendors.errors import VendorSettingsError

Kind = Literal["sums", "simplestreams"]
_NEEDED: Final = ("name", "kind", "catalogue", "keyring", "tag")
_TEXTS: Final = (*_NEEDED, "signature", "file", "product", "item", "valid", "title")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MOST_FILE: Final = 1 << 20


@dataclass(frozen=True)
class Vendor:
    """One image that is kept current.

    Args:
        catalogue: URL of the checksums, or of the simplestreams products.
        signature: URL of its detached signature; empty where the catalogue is clearsigned.
        keyring: file with the vendor's public keys, armored or not.
        file: of checksums: pattern of the file's name; a group ``version`` in it is the version.
        product, item: of simplestreams: name of the product, and of the item in its versions.
        tag: of the entries.
        title: of the entries; ``{version}`` in it becomes the version.
        valid: how long an entry is good, as ``publish --valid``.
        withdraw: deprecate entries whose version the vendor lists no more.
        terms: what else the entries say, by Clark name.
    """

    name: str
    kind: Kind
    catalogue: str
    keyring: Path
    tag: str
    signature: str = ""
    file: re.Pattern[str] = re.compile("")
    product: str = ""
    item: str = ""
    title: str = ""
    valid: str = ""
    withdraw: bool = False
    terms: Mapping[str, str] = field(default_factory=dict)


def read_settings(path: Path) -> tuple[Vendor, ...]:
    """Read the settings.

    Raises:
        VendorSettingsError: naming the first fault.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(_MOST_FILE)
    try:
        told = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise VendorSettingsError(f"{path}: is not TOML ({error})") from None
    vendors = told.get("vendor")
    if set(told) != {"vendor"} or not isinstance(vendors, list) or not vendors:
        raise VendorSettingsError(f"{path}: must contain [[vendor]] tables and nothing else")
    found = tuple(_vendor(one, path.parent) for one in vendors)
    if len({one.name for one in found}) < len(found):
        raise VendorSettingsError(f"{path}: two vendors have the same name")
    return found


def _vendor(value: Any, folder: Path) -> Vendor:
    if not isinstance(value, dict):
        raise VendorSettingsError("a vendor must be a table")
    name = value.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise VendorSettingsError(
            f"the name {name!r} may have only lower-case letters, digits, '.', '_' and '-'"
        )
    unknown = set(value) - {*_TEXTS, "withdraw", "terms"}
    missing = [one for one in _NEEDED if not value.get(one)]
    if unknown or missing:
        what = f"unknown: {', '.join(sorted(unknown))}" if unknown else f"missing: {', '.join(missing)}"
        raise VendorSettingsError(f"{name}: {what}")
    wrong = [one for one in _TEXTS if not isinstance(value.get(one, ""), str)]
    if (
        wrong
        or not isinstance(value.get("withdraw", False), bool)
        or value["kind"] not in ("sums", "simplestreams")
    ):
        raise VendorSettingsError(f"{name}: {', '.join(wrong) or 'withdraw or kind'} has a wrong value")
    wanted = ("file",) if value["kind"] == "sums" else ("product", "item")
    if any(not value.get(one) for one in wanted):
        raise VendorSettingsError(f"{name}: {value['kind']} needs {' and '.join(wanted)}")
    texts = {one: value[one] for one in _TEXTS if one in value and one not in ("file", "keyring")}
    return Vendor(
        **texts,
        keyring=folder / value["keyring"],
        file=_pattern(name, value.get("file", "")),
        withdraw=value.get("withdraw", False),
        terms=_terms(name, value.get("terms", {})),
    )


def _pattern(name: str, text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise VendorSettingsError(f"{name}: file is not a regular expression ({error})") from None


def _terms(name: str, given: Any) -> dict[str, str]:
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise VendorSettingsError(f"{name}: terms must be a table of texts")
    try:
        return {parse_name(term): value for term, value in given.items()}
    except TermError as error:
        raise VendorSettingsError(f"{name}: {error}") from None
