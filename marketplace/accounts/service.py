"""Credentials in, a principal out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from marketplace.access.principal import ANONYMOUS, PUBLIC, STRANGER, Principal, Scope, group_log
from marketplace.accounts.groups import GroupService
from marketplace.accounts.tokens import Token, TokenService
from marketplace.accounts.use import LastUse
from marketplace.config.access import SiteMode
from marketplace.db import Database


class AccessService:
    """Tells who somebody is, by what they show. Safe to share between threads.

    Args:
        database: where tokens and groups are.
        mode: of the site.
        now: the clock.
    """

    def __init__(self, database: Database, mode: SiteMode, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
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

    def _principal(self, session: Session, token: Token) -> Principal:
        groups = GroupService(session).of(token.owner)
        reads = Scope.READ in token.scopes
        logs = {group_log(group) for group in groups} if reads else set()
        if reads or not self._needs_token:
            logs.add(PUBLIC)
        return Principal(token.owner, frozenset(logs), token.scopes, groups, token.name)
