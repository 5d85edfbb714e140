"""What can go wrong with tokens, sessions and groups: a code per rule, never a secret in a message."""

from __future__ import annotations

from validators.coded_error import CodedError


class AccessError(CodedError, code="access"):
    """Something about tokens, sessions or groups is not as it has to be."""


class CredentialsError(AccessError, code="token.invalid"):
    """Credentials that prove nothing."""


class ExpiredTokenError(CredentialsError, code="token.expired"):
    """The secret is right and its time is over."""


class RevokedTokenError(CredentialsError, code="token.revoked"):
    """The secret is right and was revoked."""


class SessionEndedError(CredentialsError, code="session.ended"):
    """A cookie of a session that is over, or never was."""


class InvalidValueError(AccessError, code="access.value"):
    """A name, scope, note or time that cannot be taken."""


class TokenNotFoundError(AccessError, code="token.unknown"):
    """There is no token of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no token {name}")


class GroupNotFoundError(AccessError, code="group.unknown"):
    """There is no group of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no group {name}")


class MemberNotFoundError(AccessError, code="group.no-member"):
    """Somebody is not a member of a group."""

    def __init__(self, group: str, owner: str) -> None:
        super().__init__(f"{owner} is not a member of {group}")


class GroupTakenError(AccessError, code="group.taken"):
    """There is, or was, a group of that name."""
