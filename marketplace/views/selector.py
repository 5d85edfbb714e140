"""From a definition to what its view shows now: search, then policy, then one entry for each image."""

from __future__ import annotations

import hmac
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Final
from urllib.parse import quote, urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.access.principal import Principal
from marketplace.accounts.secrets import is_view
from marketplace.config import Settings
from marketplace.db import Database
from marketplace.entries import ListCaches, VisibleEntries
from marketplace.facets import Facet
from marketplace.judging.service import ImageJudge
from marketplace.models import Certificate, Entry, VerdictRow
from marketplace.portions import portions
from marketplace.rules.trust import is_trusted
from marketplace.rules.visibility import VisibleLogs, find_scope
from marketplace.search.service import SearchService
from marketplace.trust import TrustService
from marketplace.views.definitions import Definition, epoch
from marketplace.views.endorsed_lists import VerifiedList, find_list, verify_list
from marketplace.views.errors import DialectUnavailableError
from marketplace.views.history import find_records
from marketplace.views.policy_judging import JudgedImages, JudgingBasis, PolicyJudging, after
from marketplace.views.reading import ImageReader, read_entries
from marketplace.views.signing import SigningKeys
from marketplace.views.value import Record, View, ViewImage
from validators.material import TrustMaterial
from validators.status import Status

#: Images judged between two questions to the database.
_CHUNK: Final = 250
#: When a view with words is looked at again whose index was behind the logs.
_INDEX_LAG: Final = timedelta(seconds=1)


#: Entries that a view is made of, with those that are withdrawn: each is read and kept in memory.
MOST_ENTRIES: Final = 50_000


@dataclass(frozen=True)
class Selected:
    """What a view shows, and how to notice that it shows something else.

    Args:
        version: of the definition, the logs and the verdicts.
        trusted: what the site trusted.
        until: when the clock alone may make it another one; None: never.
        judged: what the policy made of each image; None where no policy judges.
        whole: whether the index of words had all that the logs have.
    """

    view: View
    version: Hashable
    trusted: TrustMaterial
    until: datetime | None
    judged: JudgedImages | None = None
    whole: bool = True


_TRUSTED: Final = (
    select(Entry.entry_id)
    .join(Certificate, Certificate.id == Entry.certificate_id)
    .outerjoin(VerdictRow, VerdictRow.certificate_id == Entry.certificate_id)
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
        self._judging = PolicyJudging(judge, reader)
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

    def select(
        self,
        session: Session,
        definition: Definition,
        address: str,
        now: datetime,
        before: Selected | None = None,
    ) -> Selected:
        """The images of a view at this moment.

        Args:
            address: the name it is asked for by, which may be a secret one.
            before: what the view showed at another time: what holds of it is taken over.

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
        # Asked first: what the index learns meanwhile is not in what it finds.
        lags = bool(request.words) and self._search.is_behind(session, scope)
        keys, old = (self._search.find_keys(session, scope, one, now) for one in (valid, over))
        if len(keys) + len(old) > MOST_ENTRIES:
            raise DialectUnavailableError(
                f"the search of the view finds {len(keys) + len(old)} entries, and a view has at most "
                f"{MOST_ENTRIES}: narrow the search of the view"
            )
        found, withdrawn = (self._reader.read(session, scope, one) for one in (keys, old))
        policy = definition.rules()
        if policy is None:
            judged = None
            shown = _newest(found, _trusted_among(session, found))
            ends = [after(one.metadata.valid) for one in found.values()]
        else:
            visible = VisibleEntries(session, principal, self._lists)
            asked = JudgingBasis(session, scope, visible, policy, material, now)
            judged = self._judging.judge(asked, found, None if before is None else before.judged)
            shown, ends = judged.chosen, judged.ends
        if lags:
            ends.append(now + _INDEX_LAG)
        until = min((one for one in ends if one is not None and one > now), default=None)
        records = find_records(
            session, scope, found, withdrawn, shown, now,
            judged=policy is not None, since=definition.changed_at or epoch(),
        )  # fmt: skip
        view = self._view(definition, address, shown, withdrawn.values(), records, until)
        view = replace(view, read_entries=partial(read_entries, self._database, scope), whole=not lags)
        facts = definition.signed_list
        if facts is not None:
            held = find_list(session, view, definition, facts, self._trust, now)
            until = min((one for one in (until, after(facts.expires)) if one and one > now), default=None)
            view = replace(view, signed_list=held, until=until)
        return Selected(view, _version(definition, scope), material, until, judged, whole=not lags)

    def verify_list(self, data: bytes, view: View, definition: Definition, now: datetime) -> VerifiedList:
        """Verify a signed image list that somebody uploads for a view.

        Args:
            view: what the definition shows now.

        Raises:
            ListRefusedError: it cannot be taken.
            ListToolError: it cannot be verified now.
        """
        return verify_list(data, view, definition, self._trust, now)

    def _view(
        self,
        definition: Definition,
        address: str,
        chosen: Iterable[ViewImage],
        withdrawn: Iterable[ViewImage],
        records: tuple[Record, ...],
        until: datetime | None,
    ) -> View:
        images = tuple(sorted(chosen, key=lambda one: one.identifier))
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
            needs_token=not is_view(address) and (definition.group is not None or site.mode == "private"),
            contact=_contact(site.security_contact or "", site.url),
            records=records,
            keeps_all=definition.policy is None and not definition.search,
            token_key=hmac.digest(self._token_key, base.encode(), "sha256"),
        )


def _contact(text: str, site: str) -> str:
    """The mail address that the site names for everybody, else the one that every host has (RFC 5321)."""
    address = text.removeprefix("mailto:").partition("?")[0]
    return address if "@" in address and ":" not in address else f"postmaster@{urlsplit(site).hostname}"


def _reader_of(definition: Definition) -> Principal:
    """Whoever asks sees the same of a view."""
    return Principal(None, definition.logs)


def _version(definition: Definition, scope: VisibleLogs) -> Hashable:
    return (
        definition.revision, definition.changed_at, definition.signed_list, scope.version, scope.verdicts
    )  # fmt: skip


def _trusted_among(session: Session, found: Mapping[int, ViewImage]) -> frozenset[str]:
    """Ids of those entries about an image with several that the site trusts for their address."""
    by_image: defaultdict[str, list[int]] = defaultdict(list)
    for key, image in found.items():
        by_image[image.identifier].append(key)
    asked = [key for keys in by_image.values() if len(keys) > 1 for key in keys]
    trusted: set[str] = set()
    for portion in portions(asked, _CHUNK):
        trusted.update(session.scalars(_TRUSTED.where(Entry.id.in_(portion))))
    return frozenset(trusted)


def _newest(found: Mapping[int, ViewImage], trusted: frozenset[str]) -> list[ViewImage]:
    """One entry for each image: the newest of an endorser whom the site trusts, else the newest."""
    best: dict[str, ViewImage] = {}
    for one in sorted(found.values(), key=lambda one: (one.entry_id in trusted, one.created, one.entry_id)):
        best[one.identifier] = one
    return list(best.values())
