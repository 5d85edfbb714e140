"""Sessions of people who signed in with a browser: a cookie that lends a token's rights for a while."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from marketplace.accounts.errors import SessionEndedError
from marketplace.accounts.secrets import digest_of, is_session, make_session
from marketplace.accounts.tokens import Token, TokenService
from marketplace.models import LoginSession

#: Sessions of one token; whoever opens more ends the oldest.
MOST_SESSIONS = 20


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """A session that is open: the token it was opened with, and when it ends at the latest."""

    token: Token
    expires_at: datetime


class SessionService:
    """The sessions as one transaction sees them.

    A session is never taken over from what a browser brings: each sign-in makes a
    new cookie (so nobody can be made to use one that somebody else knows). It ends
    with its time, with its token, or when its owner signs out.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def open(self, token: Token, *, at: datetime, lifetime: timedelta) -> str:
        """Open a session with a token that was proved, and return its cookie."""
        self._session.execute(delete(LoginSession).where(LoginSession.expires_at <= at))
        self._make_room(token)
        cookie = make_session()
        ends = at + lifetime
        self._session.execute(
            insert(LoginSession).values(
                digest=digest_of(cookie),
                token_id=token.key,
                created_at=at,
                expires_at=ends if token.expires_at is None else min(ends, token.expires_at),
            )
        )
        return cookie

    def _make_room(self, token: Token) -> None:
        older = (
            select(LoginSession.id)
            .where(LoginSession.token_id == token.key)
            .order_by(LoginSession.id.desc())
            .offset(MOST_SESSIONS - 1)
        )
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
        token = TokenService(self._session).by_key(row.token_id)
        token.verify_valid(now)
        return SessionFacts(token, row.expires_at)

    def close(self, cookie: str) -> None:
        """End the session of a cookie; one that is over already stays so."""
        self._session.execute(delete(LoginSession).where(LoginSession.digest == digest_of(cookie)))
