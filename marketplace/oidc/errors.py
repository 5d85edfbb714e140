"""Why somebody is not signed in by a provider: a code per rule, and a sentence."""

from __future__ import annotations

from validators.coded_error import CodedError


class SignInError(CodedError, code="oidc"):
    """Nobody is signed in. The message is safe to show and says what to do."""


class ProviderAwayError(SignInError, code="oidc.away"):
    """The provider does not answer, or too many sign-ins wait for it."""


class ProviderAnswerError(SignInError, code="oidc.answer"):
    """The provider answers what no provider may: the site's operator has to look at it."""


class SecretFileError(SignInError, code="oidc.secret"):
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
