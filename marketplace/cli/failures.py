"""What a failure means at a terminal: one sentence and an exit code."""

from __future__ import annotations

import errno
import sys
from collections.abc import Mapping
from enum import IntEnum

import click

from marketplace.logs import printable
from validators.coded_error import CodedError
from validators.explanations import explained


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
    if isinstance(error, CodedError):
        # A client has the code of the rule that the marketplace named, if it named one.
        code = getattr(error, "rule", error.code)
        sentence = _BEGINNINGS.get(error.code, "") + _line(error)
        return sentence + (f" [{code}]{explanation_of(code)}" if code else ""), _exit_code(error)
    if isinstance(error, click.ClickException):
        hint = ""
        if isinstance(error, click.UsageError) and error.ctx is not None:
            hint = f" ('{error.ctx.command_path} --help' says more)"
        return printable(" ".join(error.format_message().split())) + hint, ExitCode(error.exit_code)
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
    # Not imported here: commands without a database start fast, and the plain installation lacks it.
    database = sys.modules.get("sqlalchemy.exc")
    if database is not None and isinstance(error, database.SQLAlchemyError):
        cause = getattr(error, "orig", None) or error
        return f"the database cannot be used: {_line(cause)}{_advice_on(cause)}", ExitCode.NETWORK_OR_SERVER
    return f"unexpected {type(error).__name__}: {_line(error)}", ExitCode.OTHER


def _exit_code(error: CodedError) -> ExitCode:
    codes = (error.code, *(getattr(kind, "code", "") for kind in type(error).__mro__))
    return next((_CODES[code] for code in codes if code in _CODES), ExitCode.OTHER)


#: Exit codes by the codes of errors. A class whose code has no line has that of its nearest base class.
_CODES: Mapping[str, ExitCode] = {
    code: exit_code
    for exit_code, codes in {
        ExitCode.USAGE: (
            "access.value", "client.ambiguous", "client.endpoint", "client.query-refused", "erase.reason",
            "image.no-file", "mail.letter", "mail.off", "publishing.facts", "receipt.format", "settings",
            "signing.email", "signing.password-required", "site.configuration", "site.key",
            "site.refused-question", "vendor.settings", "view.copy", "view.definition", "webhook.definition",
        ),
        ExitCode.NOT_FOUND: (
            "client.not-found", "confirmation.unknown", "entry.unknown", "group.no-member", "group.unknown",
            "peer.unknown", "signed-list.unknown", "site.unknown", "token.unknown", "vendor.catalogue",
            "view.unknown", "webhook.delivery", "webhook.unknown",
        ),
        ExitCode.NOT_PERMITTED: (
            "client.not-permitted", "publishing.folder", "signing.password",
        ),
        ExitCode.VERIFICATION_FAILED: (
            "client.invalid-entry", "image", "refused", "signed-list", "signing.draft", "site.context",
            "site.hook", "site.proof", "site.unproven", "tlog", "vendor",
        ),
        ExitCode.REFUSED_BY_POLICY: (
            "client.policy", "ingest", "site.cancelled",
        ),
        ExitCode.NETWORK_OR_SERVER: (
            "client.transport", "log.not-found", "mail.permanent", "mail.server", "mail.temporary",
            "site.fetch", "site.knowledge", "site.store", "store.unavailable", "vendor.unreachable",
        ),
        ExitCode.CONFLICT: (
            "client.conflict", "conflict.coordinates", "group.taken", "image.changed", "peer.taken",
            "publishing.busy", "site.held", "view.taken",
        ),
    }.items()
    for code in codes
}  # fmt: skip
#: What the sentences of these begin with here; their classes name only what is wrong.
_BEGINNINGS = {
    "publishing.facts": "the facts of the image cannot be used: ",
    "settings": "the settings cannot be used: ",
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


def _advice_on(error: BaseException) -> str:
    import sqlite3

    if type(error).__module__.partition(".")[0] == "psycopg":
        # With a state (SQLSTATE) the server refused a statement; without one it was not reached.
        known = getattr(error, "sqlstate", None) is not None
        return "" if known else "; start PostgreSQL, or correct database.url"
    # The low byte is the primary code: extended codes tell where the damage is.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return "; its file is damaged: restore a backup (docs/operations.md, Backup and restore)"
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return "; make room on the disk of the data directory (df), or look for disk errors (dmesg)"
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return "; let this user write to the data directory and to every file in it"
    return ""


def explanation_of(code: str) -> str:
    """Behind a space, why a rule is there and how to mend what breaks it, as the upload page says it."""
    explanation = explained(code)
    return f" {explanation}" if explanation else ""


def _line(error: BaseException) -> str:
    return printable(" ".join(str(error).split()))
