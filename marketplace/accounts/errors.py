"""What can go wrong with tokens, sessions and groups: a code per rule, never a secret in a message."""

from __future__ import annotations

from typing import ClassVar


class AccessError(Exception):
    """Something about tokens, sessions or groups is not as it has to be."""

    code: ClassVar[str] = "access"


class CredentialsError(AccessError):
    """Credentials that prove nothing."""

    code = "token.invalid"


class ExpiredTokenError(CredentialsError):
    """The secret is right and its time is over."""

    code = "token.expired"


class RevokedTokenError(CredentialsError):
    """The secret is right and was revoked."""

    code = "token.revoked"


class SessionEndedError(CredentialsError):
    """A cookie of a session that is over, or never was."""

    code = "session.ended"


class InvalidValueError(AccessError):
    """A name, scope, note or time that cannot be taken."""

    code = "access.value"


class TokenNotFoundError(AccessError):
    """There is no token of that name."""

    code = "token.unknown"

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no token {name}")


class GroupNotFoundError(AccessError):
    """There is no group of that name."""

    code = "group.unknown"

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no group {name}")


class MemberNotFoundError(AccessError):
    """Somebody is not a member of a group."""

    code = "group.no-member"

    def __init__(self, group: str, owner: str) -> None:
        super().__init__(f"{owner} is not a member of {group}")


class GroupTakenError(AccessError):
    """There is, or was, a group of that name."""

    code = "group.taken"
