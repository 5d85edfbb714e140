"""Sessions of people who signed in with a browser: a cookie that lends rights for a while."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, insert, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from marketplace.access.principal import Scope
from marketplace.accounts.errors import SessionEndedError
from marketplace.accounts.names import parse_owner
from marketplace.accounts.people import Person
from marketplace.accounts.secrets import digest_of, is_session, make_session
from marketplace.accounts.tokens import Token, TokenService
from marketplace.audit import AuditLog
from marketplace.models import LoginSession, TokenRow, UsedSignIn

#: Sessions of one token or person; whoever opens more ends the oldest.
MOST_SESSIONS = 20
#: How long an answer of a provider is remembered as used: its ID token is believed for minutes.
USED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """A session that is open: the token it was opened with, or whom a provider signed in; and its end."""

    holder: Token | Person
    expires_at: datetime


class SessionService:
    """The sessions as one transaction sees them.

    A session is never taken over from what a browser brings: each sign-in makes a
    new cookie (so nobody can be made to use one that somebody else knows). It ends
    with its time, with its token, when its owner signs out, or when the site has another provider.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def open(self, token: Token, *, at: datetime, lifetime: timedelta) -> str:
        """Open a session with a token that was proved, and return its cookie."""
        self._make_room(LoginSession.token_id == token.key, at)
        ends = at + lifetime
        ends = ends if token.expires_at is None else min(ends, token.expires_at)
        return self._insert(at, ends, {"token_id": token.key})

    def open_for(self, person: Person, *, at: datetime, lifetime: timedelta) -> str:
        """Open a session for somebody whom a provider signed in, and return its cookie."""
        self._make_room(LoginSession.owner == person.name, at)
        told = {
            "owner": person.name,
            "issuer": person.issuer,
            "subject": person.subject,
            "scopes": " ".join(sorted(person.scopes)),
            "group_names": " ".join(sorted(person.groups)),
        }
        return self._insert(at, at + lifetime, told)

    def close_all(self, owner: str, *, by: str, at: datetime) -> int:
        """End every session of an owner, however it was opened; returns how many.

        Raises:
            InvalidValueError: it is no name of an owner.
        """
        parse_owner(owner)
        tokens = select(TokenRow.id).where(TokenRow.owner == owner)
        mine = or_(LoginSession.owner == owner, LoginSession.token_id.in_(tokens))
        ended = self._session.scalars(delete(LoginSession).where(mine).returning(LoginSession.id)).all()
        AuditLog(self._session).record(by, "session.close-all", owner, {"sessions": len(ended)}, at=at)
        return len(ended)

    def use_up(self, digest: str, *, at: datetime) -> bool:
        """Note that a provider's answer was used; False where it was before."""
        self._session.execute(delete(UsedSignIn).where(UsedSignIn.used_at <= at - USED))
        try:
            with self._session.begin_nested():
                self._session.execute(insert(UsedSignIn).values(digest=digest, used_at=at))
        except IntegrityError:
            return False
        return True

    def _insert(self, at: datetime, ends: datetime, columns: Mapping[str, object]) -> str:
        cookie = make_session()
        values = {**columns, "digest": digest_of(cookie), "created_at": at, "expires_at": ends}
        self._session.execute(insert(LoginSession).values(values))
        return cookie

    def _make_room(self, same: ColumnElement[bool], at: datetime) -> None:
        self._session.execute(delete(LoginSession).where(LoginSession.expires_at <= at))
        older = select(LoginSession.id).where(same).order_by(LoginSession.id.desc()).offset(MOST_SESSIONS - 1)
        self._session.execute(
            delete(LoginSession)
            .where(LoginSession.id.in_(older.scalar_subquery()))
            .execution_options(synchronize_session=False)
        )

    def get(self, cookie: str, now: datetime) -> SessionFacts:
        """The session of a cookie.

        Raises:
            CredentialsError: it is none, it is over, or its token is not in force any more.
        """
        # Found by the digest: what the time of a look-up could tell about a digest leads to no cookie.
        row = (
            self._session.scalar(select(LoginSession).where(LoginSession.digest == digest_of(cookie)))
            if is_session(cookie)
            else None
        )
        if row is None or row.expires_at <= now:
            raise SessionEndedError("the session has ended: sign in again")
        if row.token_id is None:
            return SessionFacts(_person(row), row.expires_at)
        token = TokenService(self._session).by_key(row.token_id)
        token.verify_valid(now)
        return SessionFacts(token, row.expires_at)

    def close(self, cookie: str) -> None:
        """End the session of a cookie; one that is over already stays so."""
        self._session.execute(delete(LoginSession).where(LoginSession.digest == digest_of(cookie)))


def _person(row: LoginSession) -> Person:
    return Person(
        row.owner or "",
        row.issuer or "",
        row.subject or "",
        frozenset(Scope(word) for word in (row.scopes or "").split()),
        frozenset((row.group_names or "").split()),
    )
