"""Why somebody is not signed in by a provider: a code per rule, a status for the page, a sentence."""

from __future__ import annotations

from typing import ClassVar

from validators.coded_error import CodedError


class SignInError(CodedError, code="oidc"):
    """Nobody is signed in. The message is safe to show and says what to do."""

    status: ClassVar[int] = 403

    def __init_subclass__(cls, *, code: str | None = None, status: int | None = None) -> None:
        super().__init_subclass__(code=code)
        if status is not None:
            cls.status = status


class ProviderAwayError(SignInError, code="oidc.away", status=503):
    """The provider does not answer, or too many sign-ins wait for it."""


class ProviderAnswerError(SignInError, code="oidc.answer", status=502):
    """The provider answers what no provider may: the site's operator has to look at it."""


class SecretFileError(SignInError, code="oidc.secret", status=503):
    """The secret of this site cannot be read."""


class AttemptError(SignInError, code="oidc.attempt"):
    """The answer belongs to no sign-in that this browser began, or to one that is over."""


class IssuerMismatchError(SignInError, code="oidc.issuer"):
    """The answer names another provider (RFC 9207: a mix-up)."""


class DeniedError(SignInError, code="oidc.denied"):
    """The provider did not sign the person in."""


class IdTokenError(SignInError, code="oidc.id-token"):
    """The ID token proves nothing."""


class PersonNameError(SignInError, code="oidc.name"):
    """The provider says no name that a person can have here."""


class NotAdmittedError(SignInError, code="oidc.not-admitted"):
    """The person is not among those who may sign in."""
