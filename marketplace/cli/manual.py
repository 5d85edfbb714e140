"""``marketplace manual``: the manual page, made from the parser and its examples."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib.metadata import version

import click

from marketplace.cli.examples import HEADING, examples

#: What the environment says to every command.
_ENVIRONMENT = (
    ("MARKETPLACE_ENDPOINT", "Base URL of the marketplace; --endpoint wins over it."),
    ("MARKETPLACE_TOKEN", "Token for private entries: mpt_…"),
    ("MARKETPLACE_KEY_PASSWORD", "Password of the key that signs; --password-file wins over it."),
    ("MARKETPLACE_CONFIG", "Settings file of a marketplace, for operators' commands."),
    ("MARKETPLACE_SITE_CONFIG", "Configuration file of a cloud site."),
    ("NO_COLOR", "If it is set, nothing is coloured."),
)
_FILES = (
    ("~/.config/marketplace/config.ini", "Endpoint and token of the user, under [client]."),
    ("/etc/marketplace/site.toml", "Configuration of a cloud site."),
)


@examples(
    "marketplace manual | man -l -",
    "marketplace manual > ~/.local/share/man/man1/marketplace.1",
)
@click.command()
@click.pass_context
def manual(context: click.Context) -> None:
    """Write the manual page of this command, with every subcommand, to standard output."""
    click.echo("\n".join(_page(context.find_root())))


def _page(root: click.Context) -> Iterator[str]:
    yield f'.TH MARKETPLACE 1 "" "image-marketplace {version("image-marketplace")}" "User Commands"'
    # Left-aligned, and no word is divided: commands are copied from here.
    yield from (".ad l", ".nh")
    yield from (
        ".SH NAME",
        r"marketplace \- publish, find and verify signed metadata of virtual machine images",
    )
    yield from (".SH SYNOPSIS", r"\fBmarketplace\fR \fICOMMAND\fR [\fIOPTIONS\fR] [\fIARGUMENTS\fR]")
    yield ".SH DESCRIPTION"
    yield from _paragraphs(root.command.help or "")
    yield ".SH COMMANDS"
    for context in _below(root):
        yield from _command(context)
    for heading, rows in (("ENVIRONMENT", _ENVIRONMENT), ("FILES", _FILES)):
        yield f".SH {heading}"
        for name, meaning in rows:
            yield from (".TP", rf"\fB{_text(name)}\fR", _text(meaning))
    yield ".SH EXAMPLES"
    yield from _examples(root.command)
    yield from (".SH SEE ALSO", "Every marketplace shows the documentation under /docs.")


def _below(context: click.Context) -> Iterator[click.Context]:
    """The commands below a group that do something, in the order of its help."""
    group = context.command
    if not isinstance(group, click.Group):
        return
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        found = click.Context(command, parent=context, info_name=name)
        if isinstance(command, click.Group):
            yield from _below(found)
        else:
            yield found


def _command(context: click.Context) -> Iterator[str]:
    command = context.command
    usage = " ".join(command.collect_usage_pieces(context))
    yield f".SS {_text(context.command_path)} {_text(usage)}"
    yield from _paragraphs(command.help or "")
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):
            # A long list of values can be broken after each.
            names = _text(record[0]).replace("|", r"|\:")
            yield from (".TP", rf"\fB{names}\fR", _text(" ".join(record[1].split())))
    yield from (".PP", HEADING)
    yield from _examples(command)


def _paragraphs(text: str) -> Iterator[str]:
    """Help as the parser keeps it: paragraphs, of which those behind a backspace are not filled."""
    for number, paragraph in enumerate(inspect.cleandoc(text).split("\n\n")):
        kept = paragraph.startswith("\b")
        lines = [_text(line) for line in paragraph.lstrip("\b\n").splitlines()]
        yield from ([".PP"] if number else [])
        yield from ([".nf", *lines, ".fi"] if kept else lines)


def _examples(command: click.Command) -> Iterator[str]:
    lines = (command.epilog or "").partition(HEADING)[2].splitlines()
    yield from (".nf", ".RS 4", *(_text(line[2:]) for line in lines if line), ".RE", ".fi")


def _text(text: str) -> str:
    """Plain text as roff: what it would take for a request or an escape is not one."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("~", r"\(ti").replace("^", r"\(ha")
    escaped = re.sub(r"`([^`]+)`", r"\\fB\1\\fR", escaped)
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped
