"""One publication, step by step: drafted, looked at, signed, tried, uploaded."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from marketplace.cli.failures import CommandError, ExitCode, explain
from marketplace.cli.files import read_document
from marketplace.cli.publish_facts import tell
from marketplace.cli.publish_like import get_like
from marketplace.cli.publish_options import ask_for_missing
from marketplace.cli.upload import pending_note, receipt_fields
from marketplace.client import MarketplaceClient
from marketplace.client.answers import Tried
from marketplace.client.errors import EntryConflictError, EntryNotFoundError, EntryRefusedError
from marketplace.locations import AddressGuard, Looker
from marketplace.publishing.facts import ImageFacts
from marketplace.publishing.previous_entries import (
    OVERTAKEN,
    differences,
    find_current,
    find_tagged,
    is_vouched_for,
)
from marketplace.publishing.statement import STOPPING, Wish, draft, examine, is_unchanged, sign_once
from marketplace.publishing.work import ImageWork
from validators import accept
from validators import vocabulary as v
from validators.document import AcceptedEntry, Metadata
from validators.lint import Level, LintFinding, lint
from validators.signing import SigningIdentity


@dataclass(frozen=True)
class PublicationOrder:
    """How to publish; ``image`` is the file, where one is at hand."""

    image: str | None
    like: str | None
    email: str | None
    audience: str | None
    edit: bool
    dry_run: bool
    yes: bool
    look: bool
    allow_private: Sequence[str]


#: How often an upload that came too late is tried again.
_MOST_OVERTAKEN = 5


class Publication:
    """One publication, step by step; each is told on standard error."""

    def __init__(
        self,
        order: PublicationOrder,
        client: MarketplaceClient,
        work: ImageWork,
        facts: ImageFacts,
        identity: SigningIdentity | None,
        now: datetime,
    ) -> None:
        self._order = order
        self._client = client
        self._work = work
        self._facts = facts
        self._identity = identity
        self._now = now
        self._email = (identity.email if identity is not None else None) or order.email
        self._key = None if identity is None else identity.key_digest
        self._asks = sys.stdin.isatty() and not order.yes

    def run(self, terms: dict[str, list[str]]) -> dict[str, Any]:
        """Publish, and return the outcome."""
        like = self._order.like
        earlier = None if like is None else get_like(self._client, like, self._email, self._key)
        if self._asks:
            terms = ask_for_missing(terms, {v.FORMAT: self._facts.format}, earlier, self._now)
        document = self._draft(Wish(terms, earlier))
        current = self._find_current()
        self._verify_not_withdrawn(current)
        metadata, findings = self._examine(document, current)
        told = {"identifier": self._facts.identifier, "advice": [one.record() for one in findings]}
        if is_unchanged(current, metadata, self._identity):
            assert current is not None  # noqa: S101  # nothing is not said
            path = current.coordinates.path()
            tell("unchanged", f"the marketplace has {path}, which has the same content: nothing to do")
            return {"outcome": "unchanged", "entry": path} | told
        if self._order.dry_run:
            tell("dry run", "nothing was signed, nothing was uploaded")
            return {"outcome": "dry-run", "entry": "", "draft": str(self._work.draft)} | told
        return self._send(document, metadata, current) | told

    def _draft(self, wish: Wish) -> bytes:
        base = draft(self._facts, wish)
        document = self._edit(base) if self._order.edit else base
        self._work.keep_draft(base, document)
        tell("draft", str(self._work.draft))
        return document

    def _edit(self, base: bytes) -> bytes:
        self._work.keep_draft(base, self._work.edited(base))
        click.edit(filename=str(self._work.draft))
        return read_document(str(self._work.draft))

    def _find_current(self) -> AcceptedEntry | None:
        if self._email is None:
            return None
        return find_current(self._client, self._facts.identifier, self._email, self._key)

    def _verify_not_withdrawn(self, current: AcceptedEntry | None) -> None:
        """A job that runs again must not offer what was withdrawn meanwhile."""
        if current is None or current.metadata.deprecated is None:
            return
        if is_vouched_for(self._client, current, self._key):
            raise CommandError(
                f"{current.coordinates.path()} withdrew this image ({current.metadata.deprecated}): "
                "to offer it again, use undeprecate first",
                ExitCode.CONFLICT,
            )

    def _examine(
        self, document: bytes, current: AcceptedEntry | None
    ) -> tuple[Metadata, tuple[LintFinding, ...]]:
        """What the draft says, after every look at it and what it changes.

        Raises:
            CommandError: it would be refused, or is not about the image any more.
        """
        tagged = self._tagged(document)
        previous = (
            tagged.metadata if tagged is not None and tagged.identifier != self._facts.identifier else None
        )
        guard = AddressGuard(self._order.allow_private)
        with Looker(guard) if self._order.look else nullcontext() as looker:
            linted = examine(document, self._facts, self._now, looker, self._at_hand(), previous)
        for finding in linted.findings:
            tell(finding.level.value, _finding_text(finding))
        stopping = [one for one in linted.findings if one.level is Level.ERROR or one.code in STOPPING]
        if linted.metadata is None or stopping:
            raise CommandError(
                f"{_finding_text(stopping[0])}: nothing was published", ExitCode.VERIFICATION_FAILED
            )
        self._verify_image(document, linted.metadata)
        before = tagged or current
        for line in differences(before.metadata if before is not None else None, linted.metadata):
            tell("change", line)
        return linted.metadata, linted.findings

    def _verify_image(self, document: bytes, metadata: Metadata) -> None:
        sums = {one.algorithm: one.value.lower() for one in metadata.checksums}
        if metadata.size != self._facts.size or sums != dict(self._facts.checksums):
            raise CommandError(
                f"{self._work.draft}: size and checksums no longer match the image",
                ExitCode.VERIFICATION_FAILED,
            )

    def _at_hand(self) -> Path | None:
        return None if self._order.image is None else Path(self._order.image)

    def _tagged(self, document: bytes) -> AcceptedEntry | None:
        """What the draft's first tag stands for now."""
        said = lint(document, self._now).metadata
        if said is None or not said.tags or self._email is None:
            return None
        return find_tagged(self._client, self._email, said.tags[0])

    def _send(self, document: bytes, metadata: Metadata, current: AcceptedEntry | None) -> dict[str, Any]:
        assert self._identity is not None  # noqa: S101  # only a dry run goes without
        if self._asks and not click.confirm(f"Sign and publish as {self._email}?", default=True, err=True):
            raise click.Abort
        taken: datetime | None = None
        for number in range(_MOST_OVERTAKEN):
            try:
                return self._upload(document, metadata, current, taken)
            except (EntryConflictError, EntryRefusedError) as error:
                if error.rule not in OVERTAKEN:
                    raise
                tell(
                    "overtaken",
                    "another machine published an entry about this image in the meantime: signed again",
                )
                current = self._find_current()
                # BatchResult entries may have the seconds that follow: each step is twice as long.
                signed = accept(self._work.find_signed() or b"").created
                taken = signed + timedelta(seconds=2**number - 1)
        return self._upload(document, metadata, current, taken)

    def _upload(
        self,
        document: bytes,
        metadata: Metadata,
        current: AcceptedEntry | None,
        taken: datetime | None,
    ) -> dict[str, Any]:
        assert self._identity is not None  # noqa: S101  # as above
        kept = self._work.find_signed()
        tagged = self._tagged(document)
        signed = sign_once(
            document, metadata, kept, self._identity, current, tagged, self._now, self._order.email, taken
        )
        self._work.keep_signed(signed)
        entry = accept(signed)
        tell("signed", "before; it goes on from there" if signed == kept else entry.coordinates.path())
        self._try(signed)
        receipt = self._client.upload(signed, self._order.audience)
        fields = receipt_fields(receipt)
        told = {
            "outcome": "pending" if receipt.pending else "published",
            "entry": entry.coordinates.path(),
            "location": fields["location"],
        }
        self._keep_receipt(told | {"entry_id": entry.entry_id, "endpoint": self._client.endpoint})
        note = pending_note(entry.coordinates.path(), receipt)
        tell(told["outcome"], note or receipt.location)
        return told

    def _keep_receipt(self, receipt: dict[str, Any]) -> None:
        try:
            self._work.keep_receipt(receipt)
        except OSError as error:  # the entry is published whatever becomes of the receipt
            tell("note", f"the receipt cannot be kept: {explain(error)[0]}")

    def _try(self, signed: bytes) -> None:
        try:
            tried: Tried = self._client.try_upload(signed, self._order.audience)
        except EntryNotFoundError as error:
            if error.rule is not None:
                raise
            tell("try", "this marketplace does not support a dry run")
        else:
            tell("try", tried.note)


def _finding_text(finding: LintFinding) -> str:
    element = (
        f"{finding.element}: " if finding.element and not finding.message.startswith(finding.element) else ""
    )
    return f"{element}{finding.message} [{finding.code}]"
