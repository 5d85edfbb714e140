"""One vendor's image, kept current: catalogue, newest image, entry, withdrawals."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from marketplace.client import ListQuery, MarketplaceClient
from marketplace.client.errors import EntryNotFoundError
from marketplace.files import write_whole
from marketplace.publishing.facts import ImageFacts
from marketplace.publishing.previous_entries import (
    StrangersTagError,
    find_current,
    get_tagged,
    is_vouched_for,
)
from marketplace.publishing.statement import Wish, draft, sign_once
from marketplace.publishing.terms import TermError, parse_end
from marketplace.vendors.catalogues import CatalogueImage, read_offers, version_order
from marketplace.vendors.errors import VendorRolledBackError, VendorSettingsError
from marketplace.vendors.fetching import VendorReader
from marketplace.vendors.settings import Vendor
from marketplace.vendors.signatures import VerifiedContent, verify_signed
from validators import accept
from validators import vocabulary as v
from validators.document import AcceptedEntry, format_time
from validators.lint import FileFacts, lint, verify_draft
from validators.revision import with_deprecated
from validators.signing import SigningIdentity
from validators.times import parse_time

_PROV: Final = "http://www.w3.org/ns/prov#"
#: Where an entry says whose word it repeats (PROV-O and Dublin Core).
SOURCE: Final = v.dcterms("source")
DERIVED: Final = f"{{{_PROV}}}wasDerivedFrom"
ATTRIBUTED: Final = f"{{{_PROV}}}wasAttributedTo"
#: The reason of withdrawals that this command makes, and takes back where the vendor lists an image again.
_GONE: Final = "the vendor no longer lists this image"
_WITHDRAWN: Final = "withdrawn"
SIGNED_AT: Final = f"{{{_PROV}}}generatedAtTime"


@dataclass(frozen=True)
class VendorMirror:
    """Keeps vendors' images current at one marketplace.

    Args:
        identity: signs; None for a dry run.
        email: of the endorser.
        state: folder where it is kept how new the catalogues were.
    """

    client: MarketplaceClient
    reader: VendorReader
    identity: SigningIdentity | None
    email: str
    state: Path
    now: datetime
    audience: str | None = None

    def run(self, vendor: Vendor) -> Iterator[dict[str, Any]]:
        """Bring one image up to date; tells what was done, or would be.

        Raises:
            VendorError: the vendor's word cannot be believed; nothing was published for it.
            ClientError: the marketplace cannot be asked, or refuses.
        """
        signature = self.reader.catalogue(vendor.signature) if vendor.signature else None
        signed = verify_signed(self.reader.catalogue(vendor.catalogue), signature, vendor.keyring)
        self._verify_newer(vendor, signed)
        offers = read_offers(vendor, signed.content)
        told = self._publish(vendor, offers[0], signed)
        yield told
        if vendor.withdraw:
            yield from self._withdraw(vendor, offers)
        if self.identity is not None:
            held = {"offer": _name(offers[0]), "identifier": told["entry"].partition("/")[0]}
            self._keep(vendor, signed, held if told["outcome"] == _WITHDRAWN else None)

    def _publish(self, vendor: Vendor, offer: CatalogueImage, signed: VerifiedContent) -> dict[str, Any]:
        told: dict[str, Any] = {"vendor": vendor.name, "version": offer.version}
        before = self._find_last(vendor.tag)
        if before is not None and _derived(before) == _name(offer):
            return told | {"outcome": "unchanged", "entry": before.coordinates.path()}
        old = before.metadata.version if before is not None else None
        if old and offer.version and version_order(offer.version) < version_order(old):
            raise VendorRolledBackError(
                f"{vendor.name}: the newest version is {offer.version}, and {old} was published already"
            )
        if (gone := self._find_withdrawn(vendor, offer)) is not None:
            return told | {"outcome": _WITHDRAWN, "entry": gone.coordinates.path()}
        facts = ImageFacts.of(self.reader.image(offer))
        current = find_current(self.client, facts.identifier, self.email, self._key)
        if current is not None and self._is_withdrawn(current):
            return told | {"outcome": _WITHDRAWN, "entry": current.coordinates.path()}
        document = draft(facts, Wish(self._terms(vendor, offer, signed, before, facts)))
        metadata = verify_draft(document, self.now)
        file = FileFacts(facts.format, facts.compression or "none")
        advice = lint(document, self.now, file, None if before is None else before.metadata).findings
        told |= {"advice": [one.record() for one in advice]}
        if self.identity is None:
            return told | {"outcome": "would be published", "entry": facts.identifier}
        entry = sign_once(document, metadata, None, self.identity, current, before, self.now, self.email)
        receipt = self.client.upload(entry, self.audience)
        outcome = "pending" if receipt.pending else "published"
        return told | {"outcome": outcome, "entry": accept(entry).coordinates.path()}

    def _terms(
        self,
        vendor: Vendor,
        offer: CatalogueImage,
        signed: VerifiedContent,
        before: AcceptedEntry | None,
        facts: ImageFacts,
    ) -> Mapping[str, list[str]]:
        terms = {name: [value] for name, value in vendor.terms.items()}
        terms |= {v.LOCATION: [offer.url], v.ALTERNATIVE: [vendor.tag]}
        if vendor.title:
            terms[v.TITLE] = [vendor.title.replace("{version}", offer.version)]
        if offer.version:
            terms[v.VERSION] = [offer.version]
        if vendor.valid:
            try:
                terms[v.VALID] = [parse_end(vendor.valid, self.now)]
            except TermError as error:
                raise VendorSettingsError(f"{vendor.name}: valid: {error}") from None
        if before is not None and before.identifier != facts.identifier:
            terms[v.dcterms("replaces")] = [before.identifier]
        return terms | {
            SOURCE: [vendor.catalogue],
            DERIVED: [_name(offer)],
            ATTRIBUTED: [f"openpgp4fpr:{signed.fingerprint}"],
            SIGNED_AT: [format_time(signed.made_at)],
        }

    def _withdraw(self, vendor: Vendor, offers: tuple[CatalogueImage, ...]) -> Iterator[dict[str, Any]]:
        """Deprecate what was published of this catalogue and stands in it no more."""
        listed = {_name(offer) for offer in offers}
        for row in list(self.client.entries(ListQuery(email=self.email, status="valid", trust="all"))):
            entry = find_current(self.client, row.identifier, self.email, self._key)
            if (
                entry is None
                or _text(entry, SOURCE) != vendor.catalogue
                or vendor.tag not in entry.metadata.tags
            ):
                continue
            if _derived(entry) in listed or entry.metadata.deprecated is not None:
                continue
            if not is_vouched_for(self.client, entry, self._key):
                continue
            told = {"vendor": vendor.name, "version": entry.metadata.version or ""}
            if self.identity is None:
                yield told | {"outcome": "would be deprecated", "entry": entry.coordinates.path()}
                continue
            document = with_deprecated(entry.data, _GONE)
            metadata = verify_draft(document, self.now)
            signed = sign_once(document, metadata, None, self.identity, entry, None, self.now, self.email)
            self.client.upload(signed, self.audience)
            yield told | {"outcome": "deprecated", "entry": accept(signed).coordinates.path()}

    def _is_withdrawn(self, entry: AcceptedEntry) -> bool:
        """Whether the endorser withdrew an image by hand, which no run of this command takes back."""
        reason = entry.metadata.deprecated
        return reason not in (None, _GONE) and is_vouched_for(self.client, entry, self._key)

    def _find_withdrawn(self, vendor: Vendor, offer: CatalogueImage) -> AcceptedEntry | None:
        """The withdrawal by hand of an image that was found to be withdrawn before: it is not read again."""
        held = self._last_run(vendor).get("withdrawn")
        if not isinstance(held, dict) or held.get("offer") != _name(offer):
            return None
        current = find_current(self.client, str(held.get("identifier")), self.email, self._key)
        return current if current is not None and self._is_withdrawn(current) else None

    def _find_last(self, tag: str) -> AcceptedEntry | None:
        """What was published last: a stranger who tags something so neither stops nor replaces it."""
        try:
            return get_tagged(self.client, self.email, tag, self._key)
        except (EntryNotFoundError, StrangersTagError):
            return None

    @property
    def _key(self) -> str | None:
        return None if self.identity is None else self.identity.key_digest

    def _verify_newer(self, vendor: Vendor, signed: VerifiedContent) -> None:
        try:
            last = parse_time(self._last_run(vendor)["signed_at"])
        except (ValueError, KeyError, TypeError):
            return  # seen for the first time
        if signed.made_at < last:
            raise VendorRolledBackError(
                f"{vendor.name}: the catalogue was signed at {format_time(signed.made_at)}, and one of "
                f"{format_time(last)} was seen already"
            )

    def _last_run(self, vendor: Vendor) -> dict[str, Any]:
        """What the last run kept; nothing where it cannot be read."""
        try:
            kept = json.loads(self._state(vendor).read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def _keep(self, vendor: Vendor, signed: VerifiedContent, withdrawn: dict[str, str] | None) -> None:
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        told = {"signed_at": format_time(signed.made_at.astimezone(UTC)), "key": signed.fingerprint}
        kept = told | ({} if withdrawn is None else {"withdrawn": withdrawn})
        write_whole(self._state(vendor), json.dumps(kept).encode(), 0o600)

    def _state(self, vendor: Vendor) -> Path:
        return self.state / f"{vendor.name}.json"


def _name(offer: CatalogueImage) -> str:
    return f"{offer.url}#{offer.algorithm}={offer.value}"


def _derived(entry: AcceptedEntry) -> str | None:
    return _text(entry, DERIVED)


def _text(entry: AcceptedEntry, name: str) -> str | None:
    return next((one.text for one in entry.metadata.extensions if one.name == name), None)
