"""Small stories about an image: what an endorser said, and what others made of it."""

from __future__ import annotations

from datetime import timedelta

from tests.factories.entries import EPOCH, accepted, moment, signer
from validators.document import AcceptedEntry, Signer

DAY = 86_400


def rollback() -> list[AcceptedEntry]:
    """A newer version is taken back by saying the older thing again, later."""
    tags = ("stable",)
    return [
        accepted(title="1.0", tags=tags),
        accepted(title="1.1", created=moment(10), tags=tags),
        accepted(title="1.0", created=moment(20), tags=tags),
        accepted("other", tags=tags),
    ]


def late_deprecation() -> list[AcceptedEntry]:
    """A withdrawal that travels slowly: one is overtaken by a newer statement, one is the last word."""
    return [
        accepted(title="1.0", valid=moment(DAY)),
        accepted(deprecated="broken", created=moment(10)),
        accepted(title="1.0 mended", created=moment(20), tags=("stable",)),
        accepted(deprecated="", created=moment(30)),
        accepted("second", tags=("stable",), created=moment(5)),
        accepted("second", deprecated="see above", created=moment(6)),
    ]


def equivocation() -> list[AcceptedEntry]:
    """Different statements with one creation time, with and without a withdrawal among them."""
    said = [accepted(title=title, tags=(title,)) for title in ("a", "b", "c")]
    withdrawn = [accepted(deprecated=reason) for reason in ("x", "")]
    quiet = [accepted("quiet", title=title, tags=("q",)) for title in ("d", "e")]
    return [*said, *withdrawn, *quiet, accepted("quiet", email="joe@example.org", title="d")]


def altered_signer(number: int) -> Signer:
    """A certificate that somebody altered: the key is still the endorser's."""
    return signer(f"altered {number}", key_digest=accepted().signer.key_digest)


def respelling() -> list[AcceptedEntry]:
    """One statement: as other bytes, and under certificates that somebody altered."""
    honest = accepted(title="said once", tags=("t",))
    bytes_ = [
        accepted(title="said once", tags=("t",), data=b"<!-- spelled %d -->" % n, entry_id=honest.entry_id,
                 statement=honest.statement)
        for n in range(2)
    ]  # fmt: skip
    altered = [
        accepted(title="said once", tags=("t",), signed_by=altered_signer(n), statement=honest.statement)
        for n in range(2)
    ]
    return [honest, *bytes_, *altered, accepted(title="newer", created=moment(40))]


def everything() -> list[AcceptedEntry]:
    """All stories about one image at once: the hardest of them."""
    return [*rollback(), *late_deprecation(), *equivocation(), *respelling()]


STORIES = {
    story.__name__: story() for story in (rollback, late_deprecation, equivocation, respelling, everything)
}
#: Moments at which the answers are compared: before and after what the stories say ends.
MOMENTS = (EPOCH, EPOCH + timedelta(days=2))
