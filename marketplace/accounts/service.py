"""Credentials in, a principal out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from marketplace.access.principal import ANONYMOUS, PUBLIC, STRANGER, Principal, Scope, group_log
from marketplace.accounts.errors import CredentialsError
from marketplace.accounts.groups import GroupService
from marketplace.accounts.sessions import SessionService
from marketplace.accounts.tokens import Token, TokenService
from marketplace.accounts.use import LastUse
from marketplace.audit import AuditLog
from marketplace.config.access import SiteMode
from marketplace.db import Database


class AccessService:
    """Tells who somebody is, by what they show. Safe to share between threads.

    Args:
        database: where tokens and groups are.
        mode: of the site.
        now: the clock.
        lifetime: of a session, at most.
    """

    def __init__(
        self,
        database: Database,
        mode: SiteMode,
        now: Callable[[], datetime],
        lifetime: timedelta = timedelta(hours=12),
    ) -> None:
        self._database = database
        self._now = now
        self._lifetime = lifetime
        self._needs_token = mode == "private"
        self.last_use = LastUse(database)

    def start(self) -> None:
        """Begin to write down when tokens are used."""
        self.last_use.start()

    def close(self) -> None:
        """Write the rest down. Later calls do nothing."""
        self.last_use.stop()

    @property
    def anonymous(self) -> Principal:
        """Whoever shows nothing."""
        return STRANGER if self._needs_token else ANONYMOUS

    def principal_of_token(self, secret: str) -> Principal:
        """Who shows a token's secret.

        Raises:
            CredentialsError: it is none, or it is not in force.
        """
        now = self._now()
        with self._database.read() as session:
            token = TokenService(session).verify(secret, now)
            self.last_use.note(token.key, now, token.last_used_at)
            return self._principal(session, token)

    def principal_of_session(self, cookie: str) -> Principal:
        """Who comes with a session's cookie.

        Raises:
            CredentialsError: there is no such session, or it is over.
        """
        now = self._now()
        with self._database.read() as session:
            token = SessionService(session).get(cookie, now).token
            self.last_use.note(token.key, now, token.last_used_at)
            return self._principal(session, token)

    def sign_in(self, secret: str, former: str | None) -> str:
        """Open a session and return its cookie; one that the browser brought is ended.

        Raises:
            CredentialsError: the secret is none, or it is not in force.
        """
        now = self._now()
        with self._database.read() as session:  # a guess must not make writers wait
            token = TokenService(session).verify(secret, now)
        with self._database.write() as session:
            sessions = SessionService(session)
            if former is not None:
                sessions.close(former)
            AuditLog(session).record(token.owner, "session.open", token.name, at=now)
            return sessions.open(token, at=now, lifetime=self._lifetime)

    def sign_out(self, cookie: str) -> None:
        """End a session; one that is over already stays so."""
        now = self._now()
        with self._database.write() as session:
            sessions = SessionService(session)
            try:
                token = sessions.get(cookie, now).token
            except CredentialsError:
                return
            sessions.close(cookie)
            AuditLog(session).record(token.owner, "session.close", token.name, at=now)

    def _principal(self, session: Session, token: Token) -> Principal:
        groups = GroupService(session).of(token.owner)
        reads = Scope.READ in token.scopes
        logs = {group_log(group) for group in groups} if reads else set()
        if reads or not self._needs_token:
            logs.add(PUBLIC)
        return Principal(token.owner, frozenset(logs), token.scopes, groups, token.name)
