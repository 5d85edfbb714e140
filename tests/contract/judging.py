"""Verdicts written as the verdict service writes them, for tests of what shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime

from hypothesis import strategies as st
from sqlalchemy import bindparam, delete, insert, select, update

from marketplace.changes import PUBLIC
from marketplace.confirmation import PendingUploads
from marketplace.db import Database
from marketplace.models import Certificate, TrustState, VerdictRow
from marketplace.rules.trust import StoredVerdict
from tests.factories.entries import moment, signer
from validators.verdict import Standing

#: When every stored verdict here was found.
JUDGED = datetime(2026, 1, 1, tzinfo=UTC)


def verdict(standing: Standing = Standing.CHAINED, **changes: object) -> StoredVerdict:
    """A verdict with usual fields."""
    fields: dict[str, object] = {
        "anchor": "CN=Root" if standing is Standing.CHAINED else None,
        "pinned": False,
        "listed": False,
        "takes_legacy": False,
        "begins": moment(-1000),
        "ends": moment(10**8),
        "revoked_since": moment(5) if standing is Standing.REVOKED else None,
        "revoked_name": None,
        "revoked_reason": None,
        "judged_at": JUDGED,
    }
    return StoredVerdict(standing, **fields | changes)


VERDICTS = st.builds(
    verdict,
    st.sampled_from([Standing.CHAINED, Standing.CHAINED, *Standing]),
    listed=st.booleans(),
    takes_legacy=st.booleans(),
    begins=st.sampled_from([moment(-1000), moment(1)]),
    ends=st.sampled_from([moment(1), moment(10**8)]),
)
#: Verdicts by the endorser's e-mail address; who has none is not judged.
HELD = st.dictionaries(st.sampled_from(["ann@x.org", "Bob@x.org"]), VERDICTS)

#: Addresses that are confirmed.
CONFIRMED = st.sets(st.sampled_from(["ann@x.org", "Bob@x.org"]))


def confirm(database: Database, emails: Iterable[str], log: str = PUBLIC) -> None:
    """Let endorsers confirm their certificates, asked about an upload to a log."""
    with database.write() as session:
        for email in emails:
            PendingUploads(session).remember(signer(email).fingerprint, email, log, JUDGED)


# Made once: examples of Hypothesis hold thousands of verdicts.
_NEXT_REVISION = update(TrustState).values(revision=TrustState.revision + 1).returning(TrustState.revision)
_CERTIFICATE = select(Certificate.id).where(Certificate.fingerprint == bindparam("fingerprint"))
_DROP = delete(VerdictRow).where(VerdictRow.certificate_id == bindparam("key"))
_KEEP = insert(VerdictRow)


def hold(database: Database, verdicts: Mapping[str, StoredVerdict]) -> None:
    """Store the verdicts on the certificates of some endorsers, as far as they have any."""
    with database.write() as session:
        connection = session.connection()
        revision = connection.scalar(_NEXT_REVISION)
        if revision is None:
            revision = 1
            connection.execute(
                insert(TrustState).values(id=1, revision=revision, basis="", refreshed_at=JUDGED)
            )
        for email, held in verdicts.items():
            key = connection.scalar(_CERTIFICATE, {"fingerprint": signer(email).fingerprint})
            if key is None:
                continue
            row = asdict(held) | {"standing": held.standing.value, "basis": "b", "revision": revision}
            connection.execute(_DROP, {"key": key})
            connection.execute(_KEEP, row | {"certificate_id": key, "due": None})
