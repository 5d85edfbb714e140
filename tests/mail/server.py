"""A real SMTP server for tests: plain, STARTTLS or TLS, with or without accounts, and as unkind as asked."""

from __future__ import annotations

import email
import email.policy
import ipaddress
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from cryptography import x509

from tests.factories.server_certificates import make_server_certificate
from tests.functional.running import free_port
from tests.waiting import HANGING

WAIT_SECONDS = HANGING


@dataclass(frozen=True)
class Received:
    """A mail as the server took it."""

    sender: str
    recipient: str
    message: EmailMessage

    @property
    def text(self) -> str:
        return self.message.get_content()


@dataclass
class Mailbox:
    """What arrived, and what the server answers meanwhile.

    ``refusals`` maps a recipient to the reply it gets; ``after_data`` is the reply to each mail's
    content; ``drops`` counts down connections that are cut when the content has arrived.
    """

    received: list[Received] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    sender_refusal: str | None = None
    after_data: str | None = None
    drops: int = 0
    logins: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    arrival: threading.Condition = field(default_factory=threading.Condition)

    def await_mail(self, count: int = 1, to: str | None = None) -> list[Received]:
        """Wait until so many mails (to somebody) have arrived."""
        deadline = time.monotonic() + WAIT_SECONDS
        with self.arrival:
            while len(found := self.to(to)) < count:
                if not self.arrival.wait(deadline - time.monotonic()):
                    raise AssertionError(f"{len(found)} of {count} mails arrived: {self.received}")
        return found

    def to(self, recipient: str | None) -> list[Received]:
        return [one for one in self.received if recipient in (None, one.recipient)]

    async def handle_MAIL(
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.sender_refusal is not None:
            return self.sender_refusal
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        if self.drops > 0:
            self.drops -= 1
            server.transport.abort()
            return "421 gone"
        if self.after_data is not None:
            return self.after_data
        content = envelope.original_content or b""
        message = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        with self.arrival:
            self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
            self.received += [Received(envelope.mail_from or "", to, message) for to in envelope.rcpt_tos]
            self.arrival.notify_all()
        return "250 taken"


@dataclass
class MailServer:
    """A server that can be stopped and started on its port."""

    mailbox: Mailbox
    port: int
    options: dict[str, Any]
    controller: Controller | None = None

    def start(self) -> None:
        self.controller = Controller(
            self.mailbox, hostname="127.0.0.1", port=self.port, ready_timeout=30, **self.options
        )
        self.controller.start()

    def stop(self) -> None:
        if self.controller is not None:
            self.controller.stop()
            self.controller = None

    def settings(self, **more: str) -> dict[str, str]:
        """Settings of a marketplace that sends by this server, written ``mail_host``."""
        return {
            "mail_host": "127.0.0.1",
            "mail_port": str(self.port),
            "mail_security": "none",
            "mail_sender": "marketplace@example.org",
            "mail_admin": "operator@example.org",
            "mail_retry_seconds": "0.2",
            **more,
        }


@contextmanager
def mail_server(
    security: str = "none",
    certificate: tuple[Path, Path] | None = None,
    account: tuple[str, str] | None = None,
) -> Iterator[MailServer]:
    """Run a server.

    Args:
        security: none, starttls or tls; the latter two need a certificate.
        certificate: files of certificate and key.
        account: user and password; without them nobody may send.
    """
    mailbox = Mailbox()
    options: dict[str, Any] = {}
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        options = (
            {"ssl_context": context}
            if security == "tls"
            else {"tls_context": context, "require_starttls": True}
        )
    if account is not None:

        def authenticate(
            server: Any, session: Session, envelope: Envelope, mechanism: str, given: Any
        ) -> AuthResult:
            assert isinstance(given, LoginPassword)
            mailbox.logins.append(given.login.decode())
            return AuthResult(
                success=(given.login.decode(), given.password.decode()) == account, handled=False
            )

        options |= {
            "authenticator": authenticate,
            "auth_required": True,
            "auth_require_tls": security == "starttls",
        }
    server = MailServer(mailbox, free_port(), options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def make_certificate(directory: Path, host: str = "127.0.0.1") -> tuple[Path, Path]:
    """A self-signed certificate for an address, and its key, as files."""
    certificate_file, key_file = directory / "mail.cert.pem", directory / "mail.key.pem"
    make_server_certificate(certificate_file, key_file, [x509.IPAddress(ipaddress.ip_address(host))])
    return certificate_file, key_file
