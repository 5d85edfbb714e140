"""Settings of outgoing mail and of reminders."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from marketplace.config.section import Section
from marketplace.config.sections import paths

#: Where each kind of connection is usually listened to.
_PORTS = {"none": 25, "starttls": 587, "tls": 465}
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
#: What the metadata format calls an address; nothing in it can end a header or a command.
_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")


def is_address(text: str) -> bool:
    """Whether a text is a mail address and nothing else, at most 254 characters."""
    return len(text) <= 254 and _ADDRESS.fullmatch(text) is not None


def _address(value: str) -> str:
    if not is_address(value):
        raise ValueError("must be a mail address such as marketplace@example.org")
    return value


Address = Annotated[str, AfterValidator(_address)]


class MailSettings(Section):
    """Settings of outgoing mail."""

    host: str = Field("", description="SMTP server; empty: no mail is sent, and mail waits in the queue")
    port: int = Field(
        0, ge=0, le=65535, description="port of the SMTP server; 0: 25, 587 (starttls) or 465 (tls)"
    )
    security: Literal["none", "starttls", "tls"] = Field(
        "starttls",
        description="how the connection is protected; with none, mail.user needs a server on this machine",
    )
    ca_file: Path | None = Field(
        None,
        description="PEM file of the authorities that may issue the SMTP server's certificate; "
        "empty: those of the system",
    )
    user: str = Field("", description="account at the SMTP server; empty: none")
    password: SecretStr = Field(
        SecretStr(""), description="password of the account; better in mail.password_file"
    )
    password_file: Path | None = Field(None, description="file whose first line is the password")
    sender: Address | None = Field(None, description="address that mail comes from; needed with mail.host")
    admin: Annotated[tuple[Address, ...], BeforeValidator(paths)] = Field(
        (), description="addresses of the operators, with commas between"
    )
    timeout: float = Field(20.0, ge=0.1, le=60, description="seconds to wait for each answer of the server")
    retry_seconds: float = Field(
        60.0,
        ge=0.1,
        le=86_400,
        description="seconds before the second attempt; the pause doubles up to six hours",
    )
    give_up_hours: float = Field(
        72.0,
        ge=0.001,
        le=720,
        description="hours after which a mail that cannot be sent is given up (state dead)",
    )

    @property
    def connect_port(self) -> int:
        """The port to connect to."""
        return self.port or _PORTS[self.security]

    @model_validator(mode="after")
    def _fits_together(self) -> MailSettings:
        if self.host and self.sender is None:
            raise ValueError("mail.host needs mail.sender")
        if self.user and self.security == "none" and self.host not in _LOOPBACK:
            raise ValueError(
                "mail.user needs mail.security = starttls or tls: a password is never sent unencrypted"
            )
        if self.password.get_secret_value() and self.password_file is not None:
            raise ValueError("give either mail.password or mail.password_file")
        return self


class ReminderSettings(Section):
    """Settings of the reminders to endorsers."""

    enabled: bool = Field(
        False,
        description="mail endorsers the monthly lists that they asked for, and warnings before "
        "entries expire",
    )
    warn: Literal["known", "all"] = Field(
        "known",
        description="who gets warnings before entries expire: confirmed addresses only, or all addresses",
    )
    interval: float = Field(
        900.0,
        ge=0.1,
        le=86_400,
        description="seconds between two checks for reminders to send",
    )
