"""Why something cannot be signed: one class and one stable code per cause."""

from __future__ import annotations

from typing import ClassVar

#: What to do about a certificate that cannot sign here.
KEYGEN = "make one that signs here with `marketplace keygen --email ME --cert FILE --key FILE`"


class SigningError(Exception):
    """A document cannot be signed with what was given; the message says what to change."""

    #: Stable, machine-readable name of the cause.
    code: ClassVar[str] = "signing"

    @property
    def message(self) -> str:
        """One sentence for the person who signs."""
        return str(self)


class KeyFileError(SigningError):
    """The key or certificate file cannot be used."""

    code = "signing.key-file"


class PasswordRequiredError(SigningError):
    """The key is encrypted and no password was given."""

    code = "signing.password-required"


class WrongPasswordError(SigningError):
    """The password does not open the key."""

    code = "signing.password"


class WeakKeyError(SigningError):
    """The key is of a kind or size that a strong signature cannot be made with."""

    code = "signing.weak-key"


class CaCertificateError(SigningError):
    """The certificate is for issuing certificates, not for signing documents."""

    code = "signing.ca-certificate"


class SigningKeyUsageError(SigningError):
    """The certificate's KeyUsage does not allow signing documents."""

    code = "signing.key-usage"


class SigningEmailError(SigningError):
    """The endorser's e-mail address is missing, or is not the certificate's."""

    code = "signing.email"


class DraftError(SigningError):
    """The document is no metadata that can be signed."""

    code = "signing.draft"
