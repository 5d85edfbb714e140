"""The statements of an upload, put together once: doing it each time takes longer than running them."""

from __future__ import annotations

from typing import cast

from sqlalchemy import ColumnElement, FromClause, Table, and_, bindparam, exists, insert, select, update

from marketplace.models import (
    Certificate,
    ChangeRow,
    Current,
    Entry,
    EntryBody,
    IntermediateCertificate,
    Log,
    Twin,
    VerdictRow,
)


def _table(model: FromClause) -> Table:
    return cast("Table", model)


_certificate = _table(Certificate.__table__)
_intermediates = _table(IntermediateCertificate.__table__)
_verdict = _table(VerdictRow.__table__)
_twin = _table(Twin.__table__)
_log = _table(Log.__table__)
_change = _table(ChangeRow.__table__)
_current = _table(Current.__table__)
_entry = _table(Entry.__table__)
_body = _table(EntryBody.__table__)

#: ``names`` -> those of the logs that there are, with their keys.
FIND_LOGS = select(_log.c.name, _log.c.id).where(_log.c.name.in_(bindparam("names", expanding=True)))
#: The same, and nobody else appends to them until the commit; all are locked in one order.
HOLD_LOGS = FIND_LOGS.order_by(_log.c.name).with_for_update()

#: ``entry_ids`` -> those of them that are stored, with their keys.
FIND_ENTRY_KEYS = select(_entry.c.entry_id, _entry.c.id).where(
    _entry.c.entry_id.in_(bindparam("entry_ids", expanding=True))
)

#: ``log_ids entry_keys`` -> sequence and digest of the bytes that the logs have for the entries.
FIND_CHANGES = (
    select(_change.c.log_id, _change.c.entry_key, _change.c.sequence, _body.c.sha256)
    .join(_body, _body.c.id == _change.c.body_id)
    .where(
        _change.c.log_id.in_(bindparam("log_ids", expanding=True)),
        _change.c.entry_key.in_(bindparam("entry_keys", expanding=True)),
    )
)

#: ``identifiers emails`` -> what any log lists as current of any of the images by any of the addresses.
FIND_CURRENT = select(
    _current.c.log_id,
    _current.c.identifier,
    _current.c.email,
    _current.c.created,
    _current.c.deprecated,
    _current.c.entry_id,
    _current.c.key_digest,
    _current.c.contested,
    _current.c.id,
).where(
    _current.c.identifier.in_(bindparam("identifiers", expanding=True)),
    _current.c.email.in_(bindparam("emails", expanding=True)),
)

#: ``log_id identifier email created`` -> some entry of the log at these coordinates.
FIND_AT_COORDINATES = (
    select(_entry.c.id)
    .join(_change, _change.c.entry_key == _entry.c.id)
    .where(
        _change.c.log_id == bindparam("log_id"),
        _entry.c.identifier == bindparam("identifier"),
        _entry.c.email == bindparam("email"),
        _entry.c.created == bindparam("created"),
    )
    .limit(1)
)

#: ``fingerprints`` -> those of them that are stored, with their keys.
FIND_CERTIFICATE_KEYS = select(_certificate.c.fingerprint, _certificate.c.id).where(
    _certificate.c.fingerprint.in_(bindparam("fingerprints", expanding=True))
)

#: ``entry_key sha256`` -> key of the bytes.
FIND_BODY = select(_body.c.id).where(
    _body.c.entry_key == bindparam("entry_key"), _body.c.sha256 == bindparam("sha256")
)

#: ``entry_keys`` -> each with the keys of its bytes.
FIND_BODY_KEYS = select(_body.c.entry_key, _body.c.id).where(
    _body.c.entry_key.in_(bindparam("entry_keys", expanding=True))
)

#: ``certificate_id log_id`` -> fingerprints of the certificates that a log's entries brought with it.
FIND_INTERMEDIATES = select(_intermediates.c.fingerprint).where(
    _intermediates.c.certificate_id == bindparam("certificate_id"),
    _intermediates.c.log_id == bindparam("log_id"),
)
INSERT_INTERMEDIATES = insert(_intermediates)

#: ``certificate_key`` ``moment``: the verdict is to be looked at again.
DOUBT_VERDICT = (
    update(_verdict)
    .where(_verdict.c.certificate_id == bindparam("certificate_key"))
    .values(due=bindparam("moment"))
)

_same = _entry.alias("same")


def _is_same_statement(entry: FromClause) -> ColumnElement[bool]:
    return and_(
        entry.c.identifier == bindparam("said_identifier"),
        entry.c.email == bindparam("said_email"),
        entry.c.created == bindparam("said_created"),
        entry.c.statement == bindparam("said_statement"),
    )


#: ``said_identifier said_email said_created said_statement``: notes the entries that say this as twins,
#: if there are several.
NOTE_TWINS = insert(_twin).from_select(
    ["entry_key", "statement"],
    select(_entry.c.id, _entry.c.statement).where(
        _is_same_statement(_entry),
        exists().where(_is_same_statement(_same), _same.c.id != _entry.c.id),
        ~exists().where(_twin.c.entry_key == _entry.c.id),
    ),
)

INSERT_CERTIFICATE = insert(_certificate).returning(_certificate.c.id)
INSERT_BODY = insert(_body).returning(_body.c.id)
