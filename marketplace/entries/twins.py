"""Entries that make the same statement under different certificates: which of them is shown.

Anybody can alter the certificate that an authority issued, or issue one of his own for
somebody's key, and send the same content and signature along with it. The content is
the same whichever is shown, and so are its place in every list and what is current. But
how a site stands to it depends on the certificate, so within a log the one counts that
the site stands closest to: a function of what the log holds and of the site's verdicts.
Other logs have no part in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import Session

from marketplace.models import ChangeRow, Twin
from marketplace.portions import NAMED, portions
from marketplace.rules.trust import vouching
from marketplace.rules.visibility import VisibleLogs


def find_vouching(session: Session, scope: VisibleLogs, keys: Sequence[int]) -> Mapping[int, int]:
    """The entries to be shown instead of some others, by the keys of those.

    Each is judged in the log that serves it to the reader. Entries that are the only ones to say
    what they say are left out, as nearly all are.
    """
    found: dict[int, int] = {}
    connection = session.connection()
    for portion in portions(keys, NAMED):
        # Asked first: to plan the other statement takes PostgreSQL longer than to run this one.
        twins = connection.scalars(_TWINS, {"keys": portion}).all()
        if twins:
            rows = connection.execute(_statement(scope.keys), {"keys": twins})
            found |= {key: other for key, other in rows if other is not None and other != key}
    return found


def list_vouching(
    session: Session, scope: VisibleLogs, keys: Sequence[int], among: Sequence[int] | None = None
) -> list[int]:
    """The keys with those of the entries that are shown instead of some.

    Args:
        among: the only ones that may have a twin; None for all.
    """
    instead = find_vouching(session, scope, keys if among is None else among)
    return [instead.get(key, key) for key in keys]


#: Those of the entries ``keys`` that have a twin in some log.
_TWINS = select(Twin.entry_key).where(Twin.entry_key.in_(bindparam("keys", expanding=True)))


@lru_cache(maxsize=256)
def _statement(logs: tuple[int, ...]) -> Select[Any]:
    """Kept, because putting the statement together takes longer than running it."""
    serving = (
        select(func.min(ChangeRow.log_id))
        .where(ChangeRow.entry_key == Twin.entry_key, ChangeRow.log_id.in_(logs), ChangeRow.shown)
        .correlate(Twin)
        .scalar_subquery()
    )
    return select(Twin.entry_key, vouching(Twin.entry_key, serving, Twin)).where(
        Twin.entry_key.in_(bindparam("keys", expanding=True))
    )
