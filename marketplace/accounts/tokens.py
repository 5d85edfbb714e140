"""Tokens: created, listed, revoked, and proved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.orm import Session

from marketplace.access.principal import Principal, Scope
from marketplace.accounts.errors import (
    CredentialsError,
    ExpiredTokenError,
    InvalidValueError,
    RevokedTokenError,
    TokenNotFoundError,
)
from marketplace.accounts.names import parse_owner
from marketplace.accounts.secrets import NOTHING, TokenSecret, find_token, is_secret_of, make_token
from marketplace.accounts.secrets import digest_of as _digest_of
from marketplace.audit import AuditLog
from marketplace.models import LoginSession, TokenRow
from validators.document import format_time

#: Characters of a note.
MAX_NOTE = 200
#: Days that a new token lives where nothing is said, and at most.
USUAL_DAYS, MOST_DAYS = 365, 36_500
#: The same of a token that people make for themselves: who leaves may be forgotten.
OWN_DAYS, MOST_OWN_DAYS = 90, 365
#: Tokens in force that one owner may have made, and still make another one.
MOST_OWN = 50


@dataclass(frozen=True, slots=True)
class Token:
    """What may be shown of a token."""

    key: int
    name: str
    owner: str
    scopes: frozenset[Scope]
    note: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def status(self, now: datetime) -> Literal["valid", "revoked", "expired"]:
        """``valid``, ``revoked`` or ``expired``."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "valid"

    def verify_valid(self, now: datetime) -> None:
        """Check that the token is in force.

        Raises:
            RevokedTokenError, ExpiredTokenError: it is not.
        """
        status = self.status(now)
        if status == "revoked":
            raise RevokedTokenError(f"the token {self.name} was revoked")
        if status == "expired":
            raise ExpiredTokenError(f"the token {self.name} has expired")


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token and its secret, which nobody can be shown again."""

    token: Token
    secret: TokenSecret


class TokenService:
    """The tokens as one transaction sees them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(
        self,
        owner: str,
        scopes: Iterable[Scope],
        *,
        by: str,
        at: datetime,
        expires_at: datetime | None = None,
        note: str = "",
        made_with: int | None = None,
    ) -> Issued:
        """Issue a token.

        Args:
            owner: whose it is.
            scopes: what it may be used for; at least one.
            by: the actor, for the audit log.
            at: the time now.
            expires_at: when its time is over; None: never.
            note: what it is for, in its owner's words.
            made_with: key of the token whose holder makes it; revoking that one revokes this one.

        Raises:
            InvalidValueError: no owner, no scope, a note too long or with control characters, an end
                that is past.
        """
        wanted = frozenset(scopes)
        if not wanted:
            raise InvalidValueError("a token needs at least one scope")
        if len(note) > MAX_NOTE or not (note.isprintable() or not note):
            raise InvalidValueError(f"a note has at most {MAX_NOTE} printable characters")
        if expires_at is not None and expires_at <= at:
            raise InvalidValueError("the token would have expired already")
        secret = make_token()
        row = self._session.scalars(
            insert(TokenRow).returning(TokenRow),
            {
                "name": secret.name,
                "digest": _digest_of(secret.text),
                "owner": parse_owner(owner),
                "scopes": " ".join(sorted(wanted)),
                "note": note,
                "created_at": at,
                "expires_at": expires_at,
                "made_with": made_with,
            },
        ).one()
        AuditLog(self._session).record(
            by,
            "token.create",
            secret.name,
            {
                "owner": owner,
                "scopes": row.scopes,
                "expires": None if expires_at is None else format_time(expires_at),
            },
            at=at,
        )
        return Issued(_token(row), secret)

    def create_own(
        self,
        principal: Principal,
        scopes: Iterable[Scope],
        *,
        at: datetime,
        days: int = OWN_DAYS,
        note: str = "",
    ) -> Issued:
        """Issue a token to who asks: it may do and last no more than what they came with.

        Args:
            principal: who is signed in.
            days: until it expires; less where the token they signed in with expires before.

        Raises:
            InvalidValueError: as of ``create``; more scopes or days than they may give; too many tokens.
        """
        if not 1 <= days <= MOST_OWN_DAYS:
            raise InvalidValueError(f"days is a whole number from 1 to {MOST_OWN_DAYS}")
        wanted = frozenset(scopes)
        if wanted - own_scopes(principal):
            raise InvalidValueError("your token cannot have more permissions than you have")
        owner = str(principal.name)
        if sum(one.status(at) == "valid" for one in self.list(owner)) >= MOST_OWN:
            raise InvalidValueError(f"you have {MOST_OWN} tokens in force already: revoke one first")
        ends = at + timedelta(days=days)
        came_with = None if principal.token is None else self.get(principal.token)
        if came_with is not None and came_with.expires_at is not None:
            ends = min(ends, came_with.expires_at)
        made_with = None if came_with is None else came_with.key
        return self.create(owner, wanted, by=owner, at=at, expires_at=ends, note=note, made_with=made_with)

    def revoke(self, name: str, *, by: str, at: datetime) -> Token:
        """Take a token out of force, with the tokens made with it and the sessions opened with any.

        Raises:
            TokenNotFoundError: there is none of that name.
        """
        token = self.get(name)
        # Whoever got hold of a token may have made others with it, also after it was revoked by its owner.
        waiting, seen = [token], {token.key}
        while waiting:
            one = waiting.pop()
            self._revoke(one, by, at)
            made = self._session.scalars(_ROWS.where(TokenRow.made_with == one.key, TokenRow.id.not_in(seen)))
            waiting += [_token(row) for row in made]
            seen |= {found.key for found in waiting}
        return self.get(name)

    def _revoke(self, token: Token, by: str, at: datetime) -> None:
        if token.revoked_at is None:
            self._session.execute(update(TokenRow).where(TokenRow.id == token.key).values(revoked_at=at))
            self._session.execute(delete(LoginSession).where(LoginSession.token_id == token.key))
            AuditLog(self._session).record(by, "token.revoke", token.name, {"owner": token.owner}, at=at)

    def get(self, name: str) -> Token:
        """A token by its name.

        Raises:
            TokenNotFoundError: there is none.
        """
        row = self._session.scalar(_ROWS.where(TokenRow.name == name))
        if row is None:
            raise TokenNotFoundError(name)
        return _token(row)

    def by_key(self, key: int) -> Token:
        """A token by its key in the tables, which must exist."""
        return _token(self._session.scalars(_ROWS.where(TokenRow.id == key)).one())

    def list(self, owner: str | None = None) -> list[Token]:
        """Every token, or those of one owner; the oldest first."""
        statement = _ROWS.order_by(TokenRow.id)
        if owner is not None:
            statement = statement.where(TokenRow.owner == owner)
        return [_token(row) for row in self._session.scalars(statement)]

    def verify(self, text: str, now: datetime) -> Token:
        """The token of a secret.

        Raises:
            CredentialsError: it is no secret of a token, or that token is not in force.
        """
        secret = find_token(text)
        row = None if secret is None else self._session.scalar(_ROWS.where(TokenRow.name == secret.name))
        if not is_secret_of(text, NOTHING if row is None else row.digest) or row is None:
            raise CredentialsError("this is not a token of this marketplace")
        token = _token(row)
        token.verify_valid(now)
        return token

    def note_use(self, used: Mapping[int, datetime]) -> None:
        """Remember when tokens were last used, by their keys; an older time changes nothing."""
        for key, moment in used.items():
            self._session.execute(
                update(TokenRow)
                .where(
                    TokenRow.id == key,
                    or_(TokenRow.last_used_at.is_(None), TokenRow.last_used_at < moment),
                )
                .values(last_used_at=moment)
            )


# A row in the identity map could be older than the database: an update goes past it.
_ROWS = select(TokenRow).execution_options(populate_existing=True)


def own_scopes(principal: Principal) -> frozenset[Scope]:
    """The scopes that a principal may give to its own tokens.

    A right that a sign-in provider gave lasts for the session, and a token longer: it may not administer.
    """
    return principal.scopes if principal.token is not None else principal.scopes & {Scope.READ, Scope.UPLOAD}


def _token(row: TokenRow) -> Token:
    return Token(
        key=row.id,
        name=row.name,
        owner=row.owner,
        scopes=frozenset(Scope(word) for word in row.scopes.split()),
        note=row.note,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
