"""From a definition to what its view shows now: search, then policy, then one entry for each image."""

from __future__ import annotations

import hmac
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Final
from urllib.parse import quote, urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.access.principal import Principal
from marketplace.catalogue.facts import Facet
from marketplace.config import Settings
from marketplace.db import Database
from marketplace.entries import EntryService, ListCaches, VisibleEntries
from marketplace.entries.said import Listed
from marketplace.judging.listed import to_statement
from marketplace.judging.service import ImageJudge
from marketplace.models import Certificate, Entry
from marketplace.models import Verdict as StoredVerdict
from marketplace.rules.status import Status
from marketplace.rules.trust import is_trusted
from marketplace.rules.visibility import Scope, find_scope
from marketplace.search.service import SearchService
from marketplace.trust import TrustService
from marketplace.views.definitions import Definition, epoch
from marketplace.views.errors import DialectUnavailableError
from marketplace.views.history import find_records
from marketplace.views.reading import ImageReader, read_entries
from marketplace.views.signing import SigningKeys
from marketplace.views.value import Record, View, ViewImage
from validators.document import Checksum
from validators.material import TrustMaterial
from validators.policy import Policy, Statement, Verdict, Weight, judge
from validators.policy.weighing import second_after

#: Images judged between two questions to the database.
_CHUNK: Final = 250
#: A view of words follows an index, which is a moment behind the logs.
_INDEX_LAG: Final = timedelta(seconds=3)


#: Entries that a view is made of, with those that are withdrawn: each is read and kept in memory.
MOST_ENTRIES: Final = 50_000


@dataclass(frozen=True)
class Selected:
    """What a view shows, and how to notice that it shows something else.

    Args:
        version: of the definition, the logs and the verdicts.
        trusted: what the site trusted.
        until: when the clock alone may make it another one; None: never.
    """

    view: View
    version: Hashable
    trusted: TrustMaterial
    until: datetime | None


_TRUSTED: Final = (
    select(Entry.entry_id)
    .join(Certificate, Certificate.id == Entry.certificate_id)
    .outerjoin(StoredVerdict, StoredVerdict.certificate_id == Entry.certificate_id)
    .where(is_trusted())
)


class Selector:
    """Evaluates definitions. Safe to share between threads.

    Args:
        token_key: secret of the site from which those of its views come.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        lists: ListCaches,
        search: SearchService,
        trust: TrustService,
        judge: ImageJudge,
        reader: ImageReader,
        keys: SigningKeys,
        token_key: bytes,
    ) -> None:
        self._settings = settings
        self._database = database
        self._token_key = token_key
        self._lists = lists
        self._search = search
        self._trust = trust
        self._judge = judge
        self._reader = reader
        self._keys = keys

    def is_current(self, session: Session, definition: Definition, selected: Selected) -> bool:
        """Whether nothing but the clock can have changed what was selected."""
        scope = find_scope(session, _reader_of(definition))
        return (
            selected.version == _version(definition, scope)
            and selected.trusted is self._trust.material
            and selected.view.signing is self._keys.signing()
        )

    def select(self, session: Session, definition: Definition, address: str, now: datetime) -> Selected:
        """What a view shows.

        Args:
            address: the name it is asked for by, which may be a secret one.

        Raises:
            SearchRefusedError, PolicyError: the definition cannot be used any more.
            SearchUnavailableError: it has words, and they cannot be searched now.
            DialectUnavailableError: it has too many entries.
        """
        principal = _reader_of(definition)
        material, scope = self._trust.material, find_scope(session, principal)
        request = definition.request(self._search.usual)
        valid = replace(request, chosen={**request.chosen, Facet.STATUS: (Status.VALID.value,)})
        gone = (Status.DEPRECATED.value, Status.EXPIRED.value)
        over = replace(request, chosen={**request.chosen, Facet.STATUS: gone})
        keys, old = (self._search.find_keys(session, scope, one, now) for one in (valid, over))
        if len(keys) + len(old) > MOST_ENTRIES:
            raise DialectUnavailableError(
                f"the search of the view finds {len(keys) + len(old)} entries, and a view has at most "
                f"{MOST_ENTRIES}: narrow the search of the view"
            )
        found, withdrawn = (self._reader.read(session, scope, one) for one in (keys, old))
        policy = definition.rules()
        if policy is None:
            shown = _newest(found, _trusted_among(session, found))
            ends = [_after(one.said.valid) for one in found.values()]
        else:
            visible = EntryService(session, self._lists).visible_to(principal)
            shown, ends = self._allowed(session, scope, visible, found, policy, now)
        if request.words:
            ends.append(now + _INDEX_LAG)
        until = min((one for one in ends if one is not None and one > now), default=None)
        records = find_records(
            session, scope, found, withdrawn, shown, now,
            judged=policy is not None, since=definition.changed_at or epoch(),
        )  # fmt: skip
        view = self._view(definition, address, shown, withdrawn.values(), records, until)
        view = replace(view, read_entries=partial(read_entries, self._database, scope))
        return Selected(view, _version(definition, scope), material, until)

    def _view(
        self,
        definition: Definition,
        address: str,
        shown: Iterable[ViewImage],
        withdrawn: Iterable[ViewImage],
        records: tuple[Record, ...],
        until: datetime | None,
    ) -> View:
        images = tuple(sorted(shown, key=lambda one: one.identifier))
        gone = tuple(
            sorted(withdrawn, key=lambda one: (one.identifier, one.email, one.created, one.entry_id))
        )
        site = self._settings.site
        moments = [definition.changed_at or epoch(), *(one.since for one in records[-1:])]
        moments += [one.accepted_at for one in chain(images, gone)]
        base = f"{site.url}/views/{quote(address, safe=':')}"
        return View(
            name=address,
            title=definition.title or definition.name,
            description=definition.description,
            site=site.url,
            base=base,
            site_title=site.title,
            updated=max(moments),
            images=images,
            withdrawn=gone,
            options=definition.options,
            until=until,
            signing=self._keys.signing(),
            contact=_contact(site.security_contact or "", site.url),
            records=records,
            keeps_all=definition.policy is None and not definition.search,
            token_key=hmac.digest(self._token_key, base.encode(), "sha256"),
        )

    def _allowed(
        self,
        session: Session,
        scope: Scope,
        visible: VisibleEntries,
        found: Mapping[int, ViewImage],
        policy: Policy,
        now: datetime,
    ) -> tuple[list[ViewImage], list[datetime | None]]:
        """The images that a policy allows, by the entry that decided where the search found it."""
        by_image: defaultdict[str, dict[str, ViewImage]] = defaultdict(dict)
        for one in found.values():
            by_image[one.identifier][one.entry_id] = one
        shown, ends = list[ViewImage](), list[datetime | None]()
        identifiers = sorted(by_image)
        for start in range(0, len(identifiers), _CHUNK):
            chunk = identifiers[start : start + _CHUNK]
            for identifier, verdict in self._verdicts(session, scope, visible, chunk, policy, now):
                ends += _moments(verdict)
                image = _chosen(verdict, by_image[identifier])
                if image is not None:
                    shown.append(image)
        return shown, ends

    def _verdicts(
        self,
        session: Session,
        scope: Scope,
        visible: VisibleEntries,
        identifiers: Sequence[str],
        policy: Policy,
        now: datetime,
    ) -> Iterable[tuple[str, Verdict]]:
        listed, unshown = visible.listed_of(identifiers)
        images = self._reader.read(session, scope, [one.row.key for one in listed])
        signers = _fingerprints(session, list(images))
        said: defaultdict[str, list[Statement]] = defaultdict(list)
        material = self._trust.material
        for one in listed:
            image = images.get(one.row.key)
            if image is not None:
                statement = to_statement(one, material, now)
                said[image.identifier].append(_complete(statement, one, image, signers[one.row.key], scope))
        for identifier in identifiers:
            if identifier in unshown:
                # What the site's filter hides counts where it withdraws: the whole question is asked.
                verdict = self._judge.judge(visible, identifier, now, policy=policy)
                if verdict is not None:
                    yield identifier, verdict
            else:
                yield identifier, judge(identifier, said[identifier], policy, now)


def _contact(told: str, site: str) -> str:
    """The mail address that the site names for everybody, else the one that every host has (RFC 5321)."""
    address = told.removeprefix("mailto:").partition("?")[0]
    return address if "@" in address and ":" not in address else f"postmaster@{urlsplit(site).hostname}"


def _reader_of(definition: Definition) -> Principal:
    """Whoever asks sees the same of a view."""
    return Principal(None, definition.logs)


def _version(definition: Definition, scope: Scope) -> Hashable:
    return definition.revision, definition.changed_at, scope.version, scope.verdicts


def _complete(
    statement: Statement, listed: Listed, image: ViewImage, fingerprint: str, scope: Scope
) -> Statement:
    """The statement of a list with what only the entry itself says."""
    said = image.said
    return replace(
        statement,
        certificate=fingerprint,
        key=listed.row.key_digest,
        checksums=tuple(Checksum(algorithm, value) for algorithm, value in image.checksums.items()),
        virtual_size=image.virtual_size,
        licences=image.licences,
        tags=said.tags,
        locations=said.locations,
        groups=frozenset(_groups(scope)) if image.private else frozenset(),
    )


def _groups(scope: Scope) -> Iterable[str]:
    return (name.partition(":")[2] for name in scope.names if ":" in name)


def _chosen(verdict: Verdict, found: Mapping[str, ViewImage]) -> ViewImage | None:
    """The entry to show an allowed image by: the one that decided, else another one that says yes."""
    if not verdict.allowed:
        return None
    decided = () if verdict.entry is None else (verdict.entry,)
    yes = [one.statement for one in verdict.statements if one.weight is Weight.ALLOWS]
    newest = sorted(yes, key=lambda one: (one.created, one.entry_id), reverse=True)
    return next((found[one.entry_id] for one in (*decided, *newest) if one.entry_id in found), None)


def _moments(verdict: Verdict) -> Iterable[datetime | None]:
    """When the clock may make a verdict another one, or another statement decide."""
    yield verdict.until
    for one in verdict.statements:
        certificate = one.statement.decision.certificate
        yield certificate.begins
        yield from map(_after, (one.statement.valid, certificate.ends, certificate.fresh_until))


def _after(last: datetime | None) -> datetime | None:
    """The first moment at which something holds no more; None where that never comes."""
    return None if last is None else second_after(last)


def _fingerprints(session: Session, keys: Sequence[int]) -> Mapping[int, str]:
    statement = (
        select(Entry.id, Certificate.fingerprint)
        .join(Certificate, Certificate.id == Entry.certificate_id)
        .where(Entry.id.in_(keys))
    )
    return {row.id: row.fingerprint for row in session.execute(statement)}


def _trusted_among(session: Session, found: Mapping[int, ViewImage]) -> frozenset[str]:
    """Ids of those entries about an image with several that the site trusts for their address."""
    by_image: defaultdict[str, list[int]] = defaultdict(list)
    for key, image in found.items():
        by_image[image.identifier].append(key)
    asked = [key for keys in by_image.values() if len(keys) > 1 for key in keys]
    trusted: set[str] = set()
    for start in range(0, len(asked), _CHUNK):
        trusted.update(session.scalars(_TRUSTED.where(Entry.id.in_(asked[start : start + _CHUNK]))))
    return frozenset(trusted)


def _newest(found: Mapping[int, ViewImage], trusted: frozenset[str]) -> list[ViewImage]:
    """One entry for each image: the newest of an endorser whom the site trusts, else the newest."""
    best: dict[str, ViewImage] = {}
    for one in sorted(found.values(), key=lambda one: (one.entry_id in trusted, one.created, one.entry_id)):
        best[one.identifier] = one
    return list(best.values())
