"""What ``--help`` says: whole sentences, and examples that the parser takes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from marketplace.cli.application import application
from marketplace.cli.examples import HEADING

#: Where a shell takes over from the command.
SHELL = {"|", ">", "&&", ";", "&", "||"}


def walk(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[click.Context]:
    """The command and all below it."""
    context = click.Context(command, parent=parent, info_name=name)
    yield context
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found is not None
            yield from walk(found, below, context)


ALL = {context.command_path: context for context in walk(application, "marketplace")}
GROUPS = {path: one for path, one in ALL.items() if isinstance(one.command, click.Group)}


def parse(words: list[str]) -> click.Context:
    """What the parser makes of a command, with its name in front.

    Raises:
        click.UsageError: it does not take it.
    """
    assert words[0] == "marketplace"
    context = click.Context(application, info_name=words[0])
    command, rest = context.command, words[1:]
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command = found
        if isinstance(command, click.Group):
            context = click.Context(command, parent=context, info_name=name)
    return command.make_context(command.name, rest, parent=context)


def shown_examples(path: str) -> list[str]:
    """The examples of a command's help, each as one line."""
    _, heading, text = ALL[path].get_help().partition(f"\n{HEADING}\n".replace("\n", "\n  ", 1))
    assert heading, f"{path} --help has no examples"
    lines = text.replace("\\\n", " ").splitlines()
    return [" ".join(line.split()) for line in lines if line.strip()]


@pytest.mark.parametrize("path", ALL)
def test_every_command_has_examples_that_the_parser_takes(path: str) -> None:
    found = shown_examples(path)
    assert found
    for line in found:
        assert line.startswith(f"{path} " if path in GROUPS else path), line
        words = shlex.split(line)
        end = next((place for place, word in enumerate(words) if word in SHELL), len(words))
        # Who deletes a group is asked.
        with CliRunner().isolation(input="y\n"):
            parsed = parse(words[:end])
        assert parsed.command_path == path or path in GROUPS


def test_an_example_with_an_option_that_there_is_not_would_be_found() -> None:
    for wrong in ("search --colour red", "token make", "site hold X", "sign --p12"):
        with pytest.raises(click.UsageError):
            parse(["marketplace", *wrong.split()])


@pytest.mark.parametrize("path", GROUPS)
def test_no_sentence_of_a_group_is_cut(path: str) -> None:
    text = ALL[path].get_help()
    assert "..." not in text.replace("[ARGS]...", "") and "…" not in text


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("uplaod", "upload"),
        ("peer grnt", "grant"),
        ("site quarantine lsit", "list"),
        ("search --endorsr x", "--endorser"),
    ],
)
def test_a_mistyped_word_is_answered_with_the_one_that_was_meant(typed: str, meant: str) -> None:
    with pytest.raises(click.UsageError) as raised:
        parse(["marketplace", *typed.split()])
    assert "Did you mean" in raised.value.format_message() and meant in raised.value.format_message()


OPTIONS = [
    (path, option)
    for path, context in ALL.items()
    for option in context.command.params
    if isinstance(option, click.Option)
]


def test_every_option_says_what_it_is_for() -> None:
    assert len(OPTIONS) > 300
    assert [f"{path} {option.opts[-1]}" for path, option in OPTIONS if not option.help] == []
