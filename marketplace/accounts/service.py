"""Credentials in, a principal out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from marketplace.access.principal import ANONYMOUS, PUBLIC, STRANGER, Principal, Scope, group_log
from marketplace.accounts.errors import CredentialsError, SessionEndedError
from marketplace.accounts.groups import GroupService
from marketplace.accounts.last_use import LastUse
from marketplace.accounts.people import Person
from marketplace.accounts.sessions import SessionService
from marketplace.accounts.tokens import Token, TokenService
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
        issuer: the sign-in provider; sessions that another one opened are over.
    """

    def __init__(
        self,
        database: Database,
        mode: SiteMode,
        now: Callable[[], datetime],
        lifetime: timedelta = timedelta(hours=12),
        issuer: str = "",
    ) -> None:
        self._database = database
        self._now = now
        self._lifetime = lifetime
        self._issuer = issuer
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
        """The principal of a request without credentials."""
        return STRANGER if self._needs_token else ANONYMOUS

    def principal_of_token(self, secret: str) -> Principal:
        """The principal that a token's secret belongs to.

        Raises:
            CredentialsError: it is none, or it is not in force.
        """
        now = self._now()
        with self._database.read() as session:
            token = TokenService(session).verify(secret, now)
            self.last_use.note(token.key, now, token.last_used_at)
            return self._principal(session, token)

    def principal_of_session(self, cookie: str) -> Principal:
        """The principal of a session's cookie.

        Raises:
            CredentialsError: there is no such session, or it is over.
        """
        now = self._now()
        with self._database.read() as session:
            holder = SessionService(session).get(cookie, now).holder
            if isinstance(holder, Person):
                return self._vouched(session, holder)
            self.last_use.note(holder.key, now, holder.last_used_at)
            return self._principal(session, holder)

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

    def sign_in_person(self, person: Person, former: str | None) -> str:
        """Open a session for somebody whom the provider signed in; one that the browser brought is ended."""
        now = self._now()
        with self._database.write() as session:
            sessions = SessionService(session)
            if former is not None:
                sessions.close(former)
            details = {
                "subject": person.subject,
                "scopes": " ".join(sorted(person.scopes)),
                "groups": " ".join(sorted(person.groups)),
            }
            AuditLog(session).record(person.name, "session.open", person.issuer, details, at=now)
            return sessions.open_for(person, at=now, lifetime=self._lifetime)

    def use_up_sign_in(self, digest: str) -> bool:
        """Note that a provider's answer was used; False where it was before, by any process."""
        with self._database.write() as session:
            return SessionService(session).use_up(digest, at=self._now())

    def sign_out(self, cookie: str) -> None:
        """End a session; one that is over already stays so."""
        now = self._now()
        with self._database.write() as session:
            sessions = SessionService(session)
            try:
                holder = sessions.get(cookie, now).holder
            except CredentialsError:
                return
            sessions.close(cookie)
            named = (
                (holder.name, holder.issuer) if isinstance(holder, Person) else (holder.owner, holder.name)
            )
            AuditLog(session).record(named[0], "session.close", named[1], at=now)

    def _principal(self, session: Session, token: Token) -> Principal:
        groups = GroupService(session).of(token.owner)
        return Principal(token.owner, self._logs(token.scopes, groups), token.scopes, groups, token.name)

    def _vouched(self, session: Session, person: Person) -> Principal:
        """Who is signed in by the provider: a member also of the groups that its word maps to."""
        if person.issuer != self._issuer:
            raise SessionEndedError(
                "the session has ended because this site has a new sign-in provider: sign in again"
            )
        groups = GroupService(session)
        member_of = groups.of(person.name) | groups.living(person.groups)
        return Principal(person.name, self._logs(person.scopes, member_of), person.scopes, member_of)

    def _logs(self, scopes: frozenset[Scope], groups: frozenset[str]) -> frozenset[str]:
        reads = Scope.READ in scopes
        logs = {group_log(group) for group in groups} if reads else set()
        if reads or not self._needs_token:
            logs.add(PUBLIC)
        return frozenset(logs)
