"""Which images a policy allows, and by which entry; only what may have changed is judged again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.entries import VisibleEntries
from marketplace.entries.current_statements import Listed
from marketplace.judging.listed import to_statement
from marketplace.judging.service import ImageJudge
from marketplace.models import Certificate, Entry, VerdictRow
from marketplace.portions import portions
from marketplace.rules.visibility import VisibleLogs
from marketplace.views.reading import ImageReader
from marketplace.views.value import ViewImage
from validators.document import Checksum
from validators.material import TrustMaterial
from validators.policy import Policy, Statement, Verdict, Weight, judge
from validators.policy.weighing import second_after

#: Images judged between two questions to the database.
_CHUNK: Final = 250


@dataclass(frozen=True)
class JudgingBasis:
    """The entries, the trust and the time by which a policy judges the images of a view.

    Args:
        visible: the entries that count.
        material: what the site trusts.
        now: the one reference time.
    """

    session: Session
    scope: VisibleLogs
    visible: VisibleEntries
    policy: Policy
    material: TrustMaterial
    now: datetime

    @property
    def basis(self) -> tuple[object, ...]:
        """What decides about every image; while it is the same, only the clock and single verdicts count.

        Of the material itself verdicts on entries take this alone; the rest is in the stored verdicts.
        """
        return self.scope.version, self.policy, self.material.policy, bool(self.material.allowed.names)


@dataclass(frozen=True, slots=True)
class JudgedImage:
    """What a policy made of an image.

    Args:
        found: keys of the entries that the search found.
        chosen: by which of them it is shown; None: it is not allowed.
        until: when the clock may make it another verdict; None: never.
        hidden: whether entries count that the site does not show: such an image is always judged again.
    """

    found: tuple[int, ...]
    chosen: ViewImage | None
    until: datetime | None
    hidden: bool


@dataclass(frozen=True)
class JudgedImages:
    """The images of a view that its policy allows.

    Args:
        revision: of the verdicts on certificates.
        at: the reference time.
        images: by identifier.
    """

    basis: tuple[object, ...]
    revision: int
    at: datetime
    images: Mapping[str, JudgedImage]

    @property
    def chosen(self) -> list[ViewImage]:
        """The entries that the allowed images are shown by."""
        return [one.chosen for one in self.images.values() if one.chosen is not None]

    @property
    def ends(self) -> list[datetime | None]:
        """The moments at which verdicts may become others."""
        return [one.until for one in self.images.values()]


class PolicyJudging:
    """Judges the images of views. Safe to share between threads."""

    def __init__(self, judge: ImageJudge, reader: ImageReader) -> None:
        self._judge = judge
        self._reader = reader

    def judge(
        self, asked: JudgingBasis, found: Mapping[int, ViewImage], before: JudgedImages | None
    ) -> JudgedImages:
        """Judge the images of some entries.

        Args:
            found: what the search finds, by keys of entries.
            before: what was judged at another time.
        """
        by_image: defaultdict[str, dict[int, ViewImage]] = defaultdict(dict)
        for key, one in found.items():
            by_image[one.identifier][key] = one
        images = _still(asked, by_image, before)
        rest = sorted(by_image.keys() - images.keys())
        for portion in portions(rest, _CHUNK):
            for identifier, verdict, hidden in self._verdicts(asked, portion):
                entries = by_image[identifier]
                images[identifier] = JudgedImage(
                    found=tuple(sorted(entries)),
                    chosen=_chosen(verdict, {one.entry_id: one for one in entries.values()}),
                    until=min((one for one in _moments(verdict) if one and one > asked.now), default=None),
                    hidden=hidden,
                )
        return JudgedImages(asked.basis, asked.scope.verdicts, asked.now, images)

    def _verdicts(
        self, asked: JudgingBasis, identifiers: Sequence[str]
    ) -> Iterable[tuple[str, Verdict, bool]]:
        """The verdict on each image, and whether entries count that are not shown."""
        listed, unshown = asked.visible.listed_of(identifiers)
        images = self._reader.read(asked.session, asked.scope, [one.row.key for one in listed])
        signers = _fingerprints(asked.session, list(images))
        said: defaultdict[str, list[Statement]] = defaultdict(list)
        for one in listed:
            image = images.get(one.row.key)
            if image is not None:
                statement = to_statement(one, asked.material, asked.now)
                signer = signers[one.row.key]
                said[image.identifier].append(_complete(statement, one, image, signer, asked.scope))
        for identifier in identifiers:
            if identifier in unshown:
                # What the site's filter hides counts where it withdraws: the whole question is asked.
                verdict = self._judge.judge(asked.visible, identifier, asked.now, policy=asked.policy)
                if verdict is not None:
                    yield identifier, verdict, True
            else:
                yield identifier, judge(identifier, said[identifier], asked.policy, asked.now), False


def _still(
    asked: JudgingBasis, by_image: Mapping[str, Collection[int]], before: JudgedImages | None
) -> dict[str, JudgedImage]:
    """Of what was judged before that which holds."""
    if before is None or before.basis != asked.basis or asked.now < before.at:
        return {}
    signers = select(VerdictRow.certificate_id).where(VerdictRow.revision > before.revision)
    turned = set(
        asked.session.scalars(select(Entry.identifier).where(Entry.certificate_id.in_(signers)).distinct())
    )
    return {
        identifier: known
        for identifier, entries in by_image.items()
        if (known := before.images.get(identifier)) is not None
        and identifier not in turned
        and not known.hidden
        and known.found == tuple(sorted(entries))
        and (known.until is None or asked.now < known.until)
    }


def _complete(
    statement: Statement, listed: Listed, image: ViewImage, fingerprint: str, scope: VisibleLogs
) -> Statement:
    """The statement of a list with what only the entry itself says."""
    said = image.metadata
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


def _groups(scope: VisibleLogs) -> Iterable[str]:
    return (name.partition(":")[2] for name in scope.names if ":" in name)


def _chosen(verdict: Verdict, found: Mapping[str, ViewImage]) -> ViewImage | None:
    """The entry to show an allowed image by: the one that decided, else another one that says yes."""
    if not verdict.allowed:
        return None
    decided = () if verdict.entry is None else (verdict.entry,)
    yes = [one.statement for one in verdict.statements if one.weight is Weight.ALLOWS]
    newest = sorted(yes, key=lambda one: (one.created, one.entry_id), reverse=True)
    return next((found[one.entry_id] for one in (*decided, *newest) if one.entry_id in found), None)


def _moments(verdict: Verdict) -> Iterator[datetime | None]:
    """When the clock may make a verdict another one, or another statement decide."""
    yield verdict.until
    for one in verdict.statements:
        certificate = one.statement.decision.certificate
        yield certificate.begins
        yield from map(after, (one.statement.valid, certificate.ends, certificate.fresh_until))


def after(last: datetime | None) -> datetime | None:
    """The first moment at which something holds no more; None where that never comes."""
    return None if last is None else second_after(last)


def _fingerprints(session: Session, keys: Sequence[int]) -> Mapping[int, str]:
    statement = (
        select(Entry.id, Certificate.fingerprint)
        .join(Certificate, Certificate.id == Entry.certificate_id)
        .where(Entry.id.in_(keys))
    )
    return {row.id: row.fingerprint for row in session.execute(statement)}
