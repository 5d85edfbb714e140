"""The numbers that a front page shows of everything a reader sees."""

from __future__ import annotations

from dataclasses import dataclass, replace

from marketplace.catalogue import CatalogueView
from marketplace.catalogue.view import Filters
from marketplace.facets import Facet, TrustMark
from validators.status import Status

#: Seconds that "this week" and "soon" are.
WEEK, SOON = 7 * 86_400, 30 * 86_400
#: Publishers looked at for the number of those with a current image.
MOST_PUBLISHERS = 2_000


@dataclass(frozen=True, slots=True)
class Overview:
    """Counts of the current entries.

    Args:
        images: valid ones as lists show them, so each once for each of its publishers.
        publishers: of these, MOST_PUBLISHERS at most.
        trusted_publishers: those of them that have an image which the site trusts.
        withdrawn: images withdrawn in the last seven days.
        expiring: valid images that end within thirty days.
    """

    images: int
    publishers: int
    trusted_publishers: int
    withdrawn: int
    expiring: int


def look_over(view: CatalogueView, usual: Filters, now: int) -> Overview:
    """Count the current entries of a view.

    Args:
        usual: what lists show where nobody asks for anything else.
        now: seconds since 1970.
    """
    images = view.narrow(view.shown, usual, now)
    trusted = view.narrow(images, Filters({Facet.TRUST: frozenset((TrustMark.TRUSTED.value,))}), now)
    gone = {**usual.chosen, Facet.STATUS: frozenset((Status.DEPRECATED.value,))}
    withdrawn = view.narrow(view.shown, Filters(gone, created_from=now - WEEK), now)
    expiring = view.narrow(images, replace(usual, expires_before=now + SOON), now)
    return Overview(
        images=len(images),
        publishers=view.count_values(Facet.ENDORSER, images, MOST_PUBLISHERS),
        trusted_publishers=view.count_values(Facet.ENDORSER, trusted, MOST_PUBLISHERS),
        withdrawn=len(withdrawn),
        expiring=len(expiring),
    )
