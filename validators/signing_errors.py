"""Why something cannot be signed: one class and one stable code per cause."""

from __future__ import annotations

from validators.coded_error import CodedError

#: What to do about a certificate that cannot sign here.
KEYGEN = "make one that signs here with `marketplace keygen --email ME --cert FILE --key FILE`"


class SigningError(CodedError, code="signing"):
    """A document cannot be signed with what was given; the message says what to change."""


class KeyFileError(SigningError, code="signing.key-file"):
    """The key or certificate file cannot be used."""


class PasswordRequiredError(SigningError, code="signing.password-required"):
    """The key is encrypted and no password was given."""


class WrongPasswordError(SigningError, code="signing.password"):
    """The password does not open the key."""


class WeakKeyError(SigningError, code="signing.weak-key"):
    """The key is of a kind or size that a strong signature cannot be made with."""


class CaCertificateError(SigningError, code="signing.ca-certificate"):
    """The certificate is for issuing certificates, not for signing documents."""


class SigningKeyUsageError(SigningError, code="signing.key-usage"):
    """The certificate's KeyUsage does not allow signing documents."""


class SigningEmailError(SigningError, code="signing.email"):
    """The endorser's e-mail address is missing, or is not the certificate's."""


class DraftError(SigningError, code="signing.draft"):
    """The document is no metadata that can be signed."""
