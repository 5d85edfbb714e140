"""``marketplace publish``: from an image file to an entry."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode, explain
from marketplace.cli.files import read_document
from marketplace.cli.keys import key_options, load_identity
from marketplace.cli.likeness import get_like
from marketplace.cli.options import audience_option, endpoint_option, open_client
from marketplace.cli.output import Format, output_option, write_record
from marketplace.cli.publish_facts import get_facts, tell
from marketplace.cli.publish_options import ask_for_missing, read_terms, term_options
from marketplace.cli.uploading import pending_note, receipt_fields
from marketplace.client import MarketplaceClient
from marketplace.client.answers import Tried
from marketplace.client.errors import ConflictError, NotFoundError, PolicyError
from marketplace.locations import AddressGuard, Looker
from marketplace.publishing.earlier import OVERTAKEN, differences, find_current, find_tagged
from marketplace.publishing.facts import ImageFacts
from marketplace.publishing.statement import STOPPING, Wish, draft, examine, is_said, sign_once
from marketplace.publishing.work import ImageWork, Work
from validators import accept
from validators import vocabulary as v
from validators.document import AcceptedEntry, Metadata
from validators.lint import Finding, Level, lint
from validators.signing import SigningIdentity

_WORK = ".marketplace"


@dataclass(frozen=True)
class _Order:
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


@examples(
    'marketplace publish debian-13.qcow2 --tag debian-13 --title "Debian 13" \\\n'
    "    --location https://images.example.org/debian-13.qcow2 \\\n"
    "    --os debian --os-version 13 --arch x86_64 --valid 180d \\\n"
    "    --licence CC0-1.0 --cert me.cert.pem --key me.key.pem",
    "marketplace publish debian-13.1.qcow2 --like me@example.org/debian-13 --p12 me.p12",
)
@click.command()
@endpoint_option
@output_option
@key_options
@term_options
@audience_option
@click.option(
    "--from-json",
    metavar="FACTS",
    help="Facts of the image, as `describe -o json` writes them, in place of IMAGE; or Packer's manifest, "
    "whose image file is read.",
)
@click.option(
    "--like",
    metavar="ENTRY|TAG",
    help="Take everything else from this earlier entry, and say that it is replaced.",
)
@click.option("--email", metavar="ADDRESS", help="The endorser's address, if the certificate contains none.")
@click.option("--edit", is_flag=True, help="Edit the draft in $EDITOR before it is checked.")
@click.option("--dry-run", is_flag=True, help="Do everything but sign and upload; needs no key.")
@click.option("--yes", is_flag=True, help="Ask nothing on a terminal.")
@click.option("--no-look", is_flag=True, help="Do not check the locations.")
@click.option(
    "--allow-private",
    multiple=True,
    metavar="NETWORK",
    help="Internal network or host that locations may lead to. Repeatable.",
)
@click.option(
    "--work",
    metavar="DIR",
    default=_WORK,
    show_default=True,
    type=click.Path(path_type=Path),
    help="Directory for the files of each step.",
)
@click.argument("image", required=False)
def publish(
    endpoint: str | None,
    output: Format,
    p12: Path | None,
    cert: Path | None,
    key: Path | None,
    password_file: Path | None,
    settings: tuple[str, ...],
    audience: str | None,
    from_json: str | None,
    like: str | None,
    email: str | None,
    edit: bool,
    dry_run: bool,
    yes: bool,
    no_look: bool,
    allow_private: tuple[str, ...],
    work: Path,
    image: str | None,
    **values: Any,
) -> None:
    """Publish an image: read the file, write a draft, check it, sign it and upload it.

    On a terminal it asks for what is missing, and before it signs; in a pipe it never asks. If it
    is interrupted, or the marketplace is down, the same command continues where it stopped. What is
    published already is not published again.
    """
    if (image is None) == (from_json is None):
        raise click.UsageError("name the IMAGE, or its facts with --from-json", click.get_current_context())
    order = _Order(image, like, email, audience, edit, dry_run, yes, not no_look, allow_private)
    now = datetime.now(UTC)
    terms = read_terms(values, settings, now)
    keyless = dry_run and p12 is None and cert is None and key is None
    identity = None if keyless else load_identity(p12, cert, key, password_file)
    with ExitStack() as stack:
        client = stack.enter_context(open_client(endpoint))
        facts, at_hand = get_facts(image, from_json, Work(work))
        order = replace(order, image=at_hand)
        own = stack.enter_context(Work(work).image(facts.identifier))
        run = _Publication(order, client, own, facts, identity, now)
        told = run.run(terms)
        if output == "table":
            told.pop("advice")  # was told line by line already
        write_record(told, output, identify="entry")


#: How often an upload that came too late is tried again.
_MOST_OVERTAKEN = 3


class _Publication:
    """One publication, step by step; each is told on standard error."""

    def __init__(
        self,
        order: _Order,
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
        """Publish, and tell what came of it."""
        like = self._order.like
        earlier = None if like is None else get_like(self._client, like, self._email, self._key)
        if self._asks:
            terms = ask_for_missing(terms, {v.FORMAT: self._facts.format}, earlier, self._now)
        document = self._draft(Wish(terms, earlier))
        current = self._find_current()
        metadata, findings = self._examine(document, current)
        told = {"identifier": self._facts.identifier, "advice": [one.record() for one in findings]}
        if is_said(current, metadata, self._identity):
            assert current is not None  # noqa: S101  # nothing is not said
            path = current.coordinates.path()
            tell("unchanged", f"the marketplace has {path}, which says the same: nothing to do")
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

    def _examine(
        self, document: bytes, current: AcceptedEntry | None
    ) -> tuple[Metadata, tuple[Finding, ...]]:
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
                f"{self._work.draft}: size and checksums are not those of the image any more",
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
        refused: AcceptedEntry | None = None
        for _ in range(_MOST_OVERTAKEN):
            try:
                return self._upload(document, metadata, current, refused)
            except (ConflictError, PolicyError) as error:
                if error.rule not in OVERTAKEN:
                    raise
                tell("overtaken", "another machine published about this image meanwhile: signed anew")
                current = self._find_current()
                refused = accept(self._work.find_signed() or b"")
        return self._upload(document, metadata, current, refused)

    def _upload(
        self,
        document: bytes,
        metadata: Metadata,
        current: AcceptedEntry | None,
        refused: AcceptedEntry | None,
    ) -> dict[str, Any]:
        assert self._identity is not None  # noqa: S101  # as above
        kept = self._work.find_signed()
        tagged = self._tagged(document)
        signed = sign_once(
            document, metadata, kept, self._identity, current, tagged, self._now, self._order.email, refused
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
        except NotFoundError as error:
            if error.rule is not None:
                raise
            tell("try", "this marketplace has no dry run")
        else:
            tell("try", tried.note)


def _finding_text(finding: Finding) -> str:
    element = (
        f"{finding.element}: " if finding.element and not finding.message.startswith(finding.element) else ""
    )
    return f"{element}{finding.message} [{finding.code}]"
