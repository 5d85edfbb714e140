"""Which logs an entry may enter by what its endorser signed.

Part of the one door: uploads, imports, publications and replication all pass
here. It looks at the bytes and the log's name only, so every marketplace comes
to the same answer at any time.
"""

from __future__ import annotations

from marketplace.access.principal import PUBLIC, find_group
from marketplace.ingest.errors import OtherAudienceError, PrivateEntryError
from validators.audience import Audience, read_audience
from validators.document import AcceptedEntry


def verify_audience(entry: AcceptedEntry, log: str) -> Audience:
    """Let an entry into a log, or say why not.

    Returns:
        who the entry is for.

    Raises:
        PrivateEntryError: it is signed as private and the log is the public one.
        OtherAudienceError: it is signed for groups, and the log is of another one.
    """
    audience = verify_replica(entry, log)
    # Names of groups elsewhere mean other people: only logs of this site's groups are looked at.
    if audience.groups and find_group(log) not in (None, *audience.groups):
        raise OtherAudienceError(
            f"dcterms:audience names {', '.join(audience.groups[:5])[:200]}, not the group uploaded to"
        )
    return audience


def verify_replica(entry: AcceptedEntry, log: str) -> Audience:
    """Check the audience of an entry from another site's log, whose groups are that site's.

    Raises:
        PrivateEntryError: it is signed as private and the log is the public one.
    """
    audience = read_audience(entry.metadata)
    if audience.private and log == PUBLIC:
        raise PrivateEntryError(
            "dcterms:accessRights is private: this entry can never be public; upload it to a group that you "
            "belong to, or sign it without dcterms:accessRights"
        )
    return audience
