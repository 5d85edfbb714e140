"""What a failure means at a terminal: one sentence and an exit code."""

from __future__ import annotations

import errno
import sys
from enum import IntEnum
from importlib.util import find_spec

import click

from marketplace.logs import printable
from marketplace.sites.errors import SiteError
from marketplace.tlog.errors import TlogError
from validators.coded_error import CodedError
from validators.errors import RefusedError
from validators.explanations import explained
from validators.signing_errors import (
    DraftError,
    PasswordRequiredError,
    SigningEmailError,
    SigningError,
    WrongPasswordError,
)


class ExitCode(IntEnum):
    """The exit codes of every command."""

    OK = 0
    OTHER = 1
    USAGE = 2
    NOT_FOUND = 3
    NOT_PERMITTED = 4
    VERIFICATION_FAILED = 5
    REFUSED_BY_POLICY = 6
    NETWORK_OR_SERVER = 7
    CONFLICT = 8
    PARTLY = 9


class CommandError(Exception):
    """A command cannot do what it was asked to.

    Args:
        message: one sentence.
        exit_code: of the process.
    """

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def explain(error: Exception) -> tuple[str, ExitCode]:
    """The sentence and the exit code for whatever a command raised."""
    if isinstance(error, CommandError):
        return _line(error), error.exit_code
    if isinstance(error, click.ClickException):
        hint = ""
        if isinstance(error, click.UsageError) and error.ctx is not None:
            hint = f" ('{error.ctx.command_path} --help' says more)"
        return printable(" ".join(error.format_message().split())) + hint, ExitCode(error.exit_code)
    if isinstance(error, SiteError):
        return f"{_line(error)} [{error.code}]", ExitCode(error.exit_code)
    if isinstance(error, RefusedError):
        reason = f"{printable(error.message)} [{error.code}]{explanation_of(error.code)}"
        return reason, ExitCode.VERIFICATION_FAILED
    if isinstance(error, SigningError):
        return f"{_line(error)} [{error.code}]", _SIGNING.get(type(error), ExitCode.OTHER)
    if isinstance(error, TlogError):
        return f"{_line(error)} [{error.code}]", ExitCode.VERIFICATION_FAILED
    if isinstance(error, OSError):
        return _explain_os(error)
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        return (
            f"an argument contains bytes that are not text in this locale ({sys.getfilesystemencoding()}); "
            "set LC_ALL=C.UTF-8",
            ExitCode.USAGE,
        )
    if isinstance(error, ModuleNotFoundError) and (
        extra := _EXTRAS.get((error.name or "").partition(".")[0])
    ):
        return (
            f"this needs packages that the plain installation leaves out: "
            f"pip install 'image-marketplace[{extra}]'",
            ExitCode.USAGE,
        )
    return _explain_client(error) or _explain_publishing(error) or _explain_service(error)


_SIGNING: dict[type[SigningError], ExitCode] = {
    DraftError: ExitCode.VERIFICATION_FAILED,
    PasswordRequiredError: ExitCode.USAGE,
    SigningEmailError: ExitCode.USAGE,
    WrongPasswordError: ExitCode.NOT_PERMITTED,
}
#: Codes of what a marketplace refuses its operator.
_CODES = {
    "access.value": ExitCode.USAGE,
    "group.no-member": ExitCode.NOT_FOUND,
    "group.taken": ExitCode.CONFLICT,
    "group.unknown": ExitCode.NOT_FOUND,
    "receipt.format": ExitCode.USAGE,
    "signed-list.unknown": ExitCode.NOT_FOUND,
    "site.unknown": ExitCode.NOT_FOUND,
    "token.unknown": ExitCode.NOT_FOUND,
    "view.copy": ExitCode.USAGE,
    "view.definition": ExitCode.USAGE,
    "view.taken": ExitCode.CONFLICT,
    "view.unknown": ExitCode.NOT_FOUND,
    "webhook.definition": ExitCode.USAGE,
    "webhook.delivery": ExitCode.NOT_FOUND,
    "webhook.unknown": ExitCode.NOT_FOUND,
}
#: Modules that not every installation has, and the extra of setup.py that brings each.
_EXTRAS = {"psycopg": "postgresql", "tantivy": "fast", "jks": "jks"} | dict.fromkeys(
    (
        "alembic", "authlib", "confusable_homoglyphs", "joserfc", "jwt", "markdown_it", "pyramid",
        "pydantic", "pyramid_jinja2", "pyroaring", "sqlalchemy", "waitress", "webob", "whoosh", "zstandard",
    ),
    "server",
)  # fmt: skip
_OS = {
    errno.ENOENT: ExitCode.NOT_FOUND,
    errno.EACCES: ExitCode.NOT_PERMITTED,
    errno.EPERM: ExitCode.NOT_PERMITTED,
    errno.EROFS: ExitCode.NOT_PERMITTED,
    errno.EADDRINUSE: ExitCode.NETWORK_OR_SERVER,
    errno.EADDRNOTAVAIL: ExitCode.NETWORK_OR_SERVER,
}


def _explain_os(error: OSError) -> tuple[str, ExitCode]:
    code = _OS.get(error.errno or 0, ExitCode.OTHER)
    reason = (error.strerror or str(error) or type(error).__name__).lower()
    if error.filename is None:
        return printable(reason), code
    return f"{printable(str(error.filename))}: {printable(reason)}", code


def _explain_client(error: Exception) -> tuple[str, ExitCode] | None:
    # Imported here: the HTTP library is a fifth of the memory of a command that needs none.
    from marketplace.client.errors import ClientError

    if not isinstance(error, ClientError):
        return None
    rule = f" [{error.rule}]{explanation_of(error.rule)}" if error.rule else ""
    return _line(error) + rule, ExitCode(error.exit_code)


def _explain_publishing(error: Exception) -> tuple[str, ExitCode] | None:
    # Imported here: what looks into images takes a while to load.
    from marketplace.images import ChangedError, ImageError, NoFileError
    from marketplace.publishing.facts import FactsError
    from marketplace.publishing.work import BusyError, StrangersFolderError
    from marketplace.vendors.errors import (
        VendorCatalogueError,
        VendorError,
        VendorSettingsError,
        VendorUnreachableError,
    )

    if isinstance(error, ImageError):
        codes = {ChangedError: ExitCode.CONFLICT, NoFileError: ExitCode.USAGE}
        return f"{_line(error)} [{error.code}]", codes.get(type(error), ExitCode.VERIFICATION_FAILED)
    if isinstance(error, VendorError):
        kinds = {
            VendorSettingsError: ExitCode.USAGE,
            VendorUnreachableError: ExitCode.NETWORK_OR_SERVER,
            VendorCatalogueError: ExitCode.NOT_FOUND,
        }
        return f"{_line(error)} [{error.code}]", kinds.get(type(error), ExitCode.VERIFICATION_FAILED)
    if isinstance(error, BusyError):
        return _line(error), ExitCode.CONFLICT
    if isinstance(error, StrangersFolderError):
        return _line(error), ExitCode.NOT_PERMITTED
    if isinstance(error, FactsError):
        return f"the facts of the image cannot be used: {_line(error)}", ExitCode.USAGE
    return None


def _explain_service(error: Exception) -> tuple[str, ExitCode]:
    if find_spec("sqlalchemy") is None:  # the plain installation: nothing of a server can have failed
        return _explain_coded(error)
    # Imported here so that commands without a database start fast.
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    from marketplace.changes import LogNotFoundError
    from marketplace.config import ConfigurationError
    from marketplace.federation.errors import FederationError
    from marketplace.ingest import ConflictError, IngestError, StoreUnavailableError

    if isinstance(error, ConfigurationError):
        return "the settings cannot be used: " + _line(error), ExitCode.USAGE
    if isinstance(error, DBAPIError):
        reason = printable(" ".join(str(error.orig).split())) + _advice_on(error.orig)
        return f"the database cannot be used: {reason}", ExitCode.NETWORK_OR_SERVER
    if isinstance(error, ConflictError):
        return f"{_line(error)} [{error.code}]", ExitCode.CONFLICT
    if isinstance(error, FederationError):
        return f"{_line(error)} [{error.code}]", ExitCode.OTHER
    if isinstance(error, IngestError) and not isinstance(error, StoreUnavailableError):
        return f"{_line(error)} [{error.code}]{explanation_of(error.code)}", ExitCode.REFUSED_BY_POLICY
    if isinstance(error, SQLAlchemyError | LogNotFoundError | StoreUnavailableError):
        return f"the database cannot be used: {_line(error)}", ExitCode.NETWORK_OR_SERVER
    return _explain_coded(error)


def _advice_on(error: BaseException | None) -> str:
    import sqlite3

    # The low byte is the primary code: extended codes tell where the damage is.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return "; its file is damaged: restore a backup (docs/operations.md, Backup and restore)"
    return ""


def _explain_coded(error: Exception) -> tuple[str, ExitCode]:
    if isinstance(error, CodedError):
        return f"{_line(error)} [{error.code}]", _CODES.get(error.code, ExitCode.OTHER)
    return f"unexpected {type(error).__name__}: {_line(error)}", ExitCode.OTHER


def explanation_of(code: str) -> str:
    """Behind a space, why a rule is there and how to mend what breaks it, as the upload page says it."""
    explanation = explained(code)
    return f" {explanation}" if explanation else ""


def _line(error: Exception) -> str:
    return printable(" ".join(str(error).split()))
