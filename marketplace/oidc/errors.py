"""Why somebody is not signed in by a provider: a code per rule, a status for the page, a sentence."""

from __future__ import annotations

from typing import ClassVar


class SignInError(Exception):
    """Nobody is signed in. The message is safe to show and says what to do."""

    code: ClassVar[str] = "oidc"
    status: ClassVar[int] = 403


class ProviderAwayError(SignInError):
    """The provider does not answer, or too many sign-ins wait for it."""

    code = "oidc.away"
    status = 503


class ProviderAnswerError(SignInError):
    """The provider answers what no provider may: the site's operator has to look at it."""

    code = "oidc.answer"
    status = 502


class SecretFileError(SignInError):
    """The secret of this site cannot be read."""

    code = "oidc.secret"
    status = 503


class AttemptError(SignInError):
    """The answer belongs to no sign-in that this browser began, or to one that is over."""

    code = "oidc.attempt"


class IssuerMismatchError(SignInError):
    """The answer names another provider (RFC 9207: a mix-up)."""

    code = "oidc.issuer"


class DeniedError(SignInError):
    """The provider did not sign the person in."""

    code = "oidc.denied"


class IdTokenError(SignInError):
    """The ID token proves nothing."""

    code = "oidc.id-token"


class PersonNameError(SignInError):
    """The provider says no name that a person can have here."""

    code = "oidc.name"


class NotAdmittedError(SignInError):
    """The person is not among those who may sign in."""

    code = "oidc.not-admitted"
