"""Speaking SMTP to the site's mail server. Whoever fails here is told apart: the server, or one mail."""

from __future__ import annotations

import ipaddress
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from urllib.parse import urlsplit

from marketplace.config.mail import MailSettings
from marketplace.mail.letter import one_line
from validators.coded_error import CodedError

#: Replies that speak of the account and not of the mail: the operator mends those.
_ACCOUNT = frozenset({530, 534, 535, 538})
_CLOSING = 421
_MAX_PASSWORD = 4096


class ServerUnavailableError(CodedError, code="mail.server"):
    """No mail can be sent now; the message says why."""


class TemporaryError(CodedError, code="mail.temporary"):
    """A mail cannot be sent now."""


class PermanentError(CodedError, code="mail.permanent"):
    """A mail can never be sent as it is."""


class SmtpConnection:
    """One conversation with the server."""

    def __init__(self, client: smtplib.SMTP, sender: str) -> None:
        self._client = client
        self._sender = sender

    def send(self, recipient: str, message: EmailMessage) -> None:
        """Hand one mail over.

        Raises:
            PermanentError: the server will never take it.
            TemporaryError: it does not take it now.
            ServerUnavailableError: it takes none now, or was lost on the way and may have taken it.
        """
        try:
            # send_message would write the message by rules that alter lines beginning with "From ".
            self._client.sendmail(self._sender, [recipient], message.as_bytes())
        except smtplib.SMTPRecipientsRefused as error:
            code, reason = next(iter(error.recipients.values()))
            raise _refusal(code, reason) from None
        except smtplib.SMTPDataError as error:
            raise _refusal(error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPResponseException as error:  # of the sender's address, among others
            raise ServerUnavailableError(_reply_text(error.smtp_code, error.smtp_error)) from None
        except (smtplib.SMTPException, OSError) as error:
            raise ServerUnavailableError(_reason(error)) from None


class SmtpTransport:
    """Connects as the settings say.

    Args:
        site_url: its host is how this client calls itself.
    """

    def __init__(self, settings: MailSettings, site_url: str) -> None:
        self._settings = settings
        self._own_name = _own_name(urlsplit(site_url).hostname or "localhost")

    @contextmanager
    def connect(self) -> Iterator[SmtpConnection]:
        """A conversation in which mails can be sent.

        Raises:
            ServerUnavailableError: there is no server, or it does not let us in.
        """
        try:
            client = self._open()
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            raise ServerUnavailableError(_reason(error)) from None
        try:
            yield SmtpConnection(client, self._settings.sender or "")
        finally:
            with suppress(smtplib.SMTPException, OSError):  # every mail has its answer by now
                client.quit()
            client.close()

    def _open(self) -> smtplib.SMTP:
        given = self._settings
        host, port = given.host, given.connect_port
        if given.security == "tls":
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                host, port, self._own_name, timeout=given.timeout, context=self._tls()
            )
        else:
            client = smtplib.SMTP(host, port, self._own_name, timeout=given.timeout)
        try:
            if given.security == "starttls":
                client.starttls(context=self._tls())
            if given.user:
                client.login(given.user, self._password())
        except BaseException:  # also when interrupted: no connection stays open
            client.close()
            raise
        return client

    def _tls(self) -> ssl.SSLContext:
        # Not the one that connections of HTTP share: that offers the server HTTP.
        return ssl.create_default_context(cafile=self._settings.ca_file)

    def _password(self) -> str:
        """Read anew for each connection, so that a new one needs no restart."""
        file = self._settings.password_file
        if file is None:
            return self._settings.password.get_secret_value()
        with file.open(encoding="utf-8") as text:
            return text.readline(_MAX_PASSWORD).rstrip("\r\n")


def _own_name(host: str) -> str:
    """How this client calls itself: an address in place of a name stands in brackets (RFC 5321, 4.1.3)."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"


def _refusal(code: int, reason: bytes | str) -> Exception:
    said = _reply_text(code, reason)
    if code == _CLOSING or code in _ACCOUNT:
        return ServerUnavailableError(said)
    return PermanentError(said) if 500 <= code <= 599 else TemporaryError(said)


def _reply_text(code: int, reason: bytes | str) -> str:
    text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
    return one_line(f"the mail server answered {code} {text}", 250)


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _reply_text(error.smtp_code, error.smtp_error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return one_line(f"the mail server's certificate is not trusted: {error.verify_message}", 250)
    if isinstance(error, UnicodeError):  # its text shows what it is about, which may be the password
        return "the mail server's name, account or password has characters that SMTP does not allow"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return one_line(f"the mail server cannot be used: {text}", 250)
