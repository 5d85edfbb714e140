"""Whatever a command raises is one sentence with the exit code it stands for."""

import errno
import importlib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from sqlalchemy.exc import OperationalError

from marketplace.changes import LogNotFoundError
from marketplace.cli import failures, run
from marketplace.cli.application import COMMANDS, application
from marketplace.cli.failures import CommandError, ExitCode, explain
from marketplace.client import errors as client
from marketplace.config import ConfigurationError
from marketplace.images.errors import ChangedError, ImageTooLargeError
from marketplace.ingest import (
    ConflictError,
    ErasedError,
    LegacyRefusedError,
    PrivateEntryError,
    StoreUnavailableError,
)
from marketplace.mail.smtp import ServerUnavailableError
from marketplace.peers.errors import PeerKeyError, PeerNotFoundError
from marketplace.sites.errors import StateError, StoreFullError
from marketplace.tlog.errors import KeyFormatError
from marketplace.vendors.errors import VendorSignatureError, VendorUnreachableError
from marketplace.views.errors import ViewTakenError
from marketplace.webhooks.errors import DeliveryNotFoundError, NotOwnerError
from validators import signing_errors as signing
from validators.coded_error import CodedError
from validators.errors import SizeLimitError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CommandError("x", ExitCode.PARTLY), 9),
        (click.UsageError("x"), 2),
        (client.EndpointError("x"), 2),
        (client.EntryNotFoundError("x"), 3),
        (client.NotPermittedError("x"), 4),
        (client.InvalidEntryError("x"), 5),
        (client.EntryRefusedError("x"), 6),
        (client.TransportError("x"), 7),
        (client.NoMarketplaceError("x"), 7),
        (client.EntryConflictError("x"), 8),
        (client.ClientError("x"), 1),
        (SizeLimitError("x", 1, "less"), 5),
        (signing.DraftError("x"), 5),
        (signing.WrongPasswordError("x"), 4),
        (signing.PasswordRequiredError("x"), 2),
        (signing.SigningEmailError("x"), 2),
        (signing.WeakKeyError("x"), 1),
        (KeyFormatError("x"), 5),
        (ImageTooLargeError("x"), 5),
        (ChangedError("x"), 8),
        (VendorSignatureError("x"), 5),
        (VendorUnreachableError("x"), 7),
        (PeerNotFoundError("x"), 3),
        (PeerKeyError("x"), 1),
        (StoreFullError("x"), 7),
        (StateError("x"), 1),
        (ServerUnavailableError("x"), 7),
        (ConfigurationError(["x", "y"]), 2),
        (FileNotFoundError(errno.ENOENT, "No such file", "x"), 3),
        (PermissionError(errno.EACCES, "Permission denied", "x"), 4),
        (OSError(errno.EADDRINUSE, "Address already in use"), 7),
        (OSError(errno.ENOSPC, "No space left on device", "x"), 1),
        (OSError("odd"), 1),
        (OperationalError("SELECT 1", {}, Exception("database is\nlocked")), 7),
        (LogNotFoundError("x"), 7),
        (StoreUnavailableError("x"), 7),
        (LegacyRefusedError("x"), 6),
        (PrivateEntryError("x"), 6),
        (ErasedError("x"), 6),
        (ConflictError("x"), 8),
        (RuntimeError("a\nb\x1b"), 1),
    ],
)
def test_the_exit_code_of_an_error(error, code):
    message, exit_code = explain(error)
    assert exit_code == code
    assert message
    assert message.isprintable()


def test_an_unexpected_error_is_one_sentence_too(capsys, monkeypatch):
    def broken(*arguments, **more):
        raise RuntimeError("broken\nin two")

    monkeypatch.setattr("marketplace.cli.verify.accept", broken)
    assert run(["verify", "/dev/null/x", __file__]) == 1
    assert capsys.readouterr().err == "marketplace: unexpected RuntimeError: broken in two\n"


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)])
def test_every_command_explains_itself(capsys, arguments):
    assert run(arguments) == 0
    out = capsys.readouterr().out
    assert out.startswith("Usage: marketplace")
    assert len(out) > 80


def test_without_a_command_the_overview_is_shown_as_an_error(capsys):
    assert run([]) == 2
    assert "Commands for operators:" in capsys.readouterr().err


def test_a_missing_choice_is_one_line(capsys):
    assert run(["token", "create", "--owner", "x"]) == 2
    assert "Choose from: read, upload, site, peer, admin (" in capsys.readouterr().err


def commands(group: click.Group = application, prefix: str = "") -> Iterator[str]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}"


@pytest.mark.parametrize("command", list(commands()))
def test_every_command_has_its_place_in_the_documentation(command):
    page = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
    assert f"`{command}`" in page or f"`{command} " in page


def test_the_exit_codes_are_the_agreed_ones():
    assert [code.value for code in failures.ExitCode] == list(range(10))


def codes(kind: type[CodedError]) -> Iterator[str]:
    yield from [kind.code] if "code" in vars(kind) else []
    for below in kind.__subclasses__():
        yield from codes(below)


def test_every_code_with_an_exit_code_is_that_of_an_error() -> None:
    for module in (
        "accounts.errors", "client.errors", "confirmation.errors", "images", "ingest.erasing",
        "mail.operator_actions", "peers.errors", "presence.errors", "publishing.work", "receipts",
        "sites.contextualization", "sites.decisions.hook", "sites.site_key", "tlog.errors", "vendors.errors",
        "views.errors", "webhooks.errors",
    ):  # fmt: skip
        importlib.import_module(f"marketplace.{module}")
    assert set(failures._CODES) <= set(codes(CodedError))


@pytest.mark.parametrize(
    ("error", "code"), [(ViewTakenError("stable"), 8), (DeliveryNotFoundError(), 3), (NotOwnerError(), 1)]
)
def test_what_a_marketplace_refuses_has_its_sentence_code_and_exit_code(error: CodedError, code: int) -> None:
    assert failures.explain(error) == (f"{error} [{error.code}]", code)
