"""What a publisher says on the command line, or when a terminal asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.streams import say
from marketplace.publishing.terms import COMMON, CommonTerm, TermError, parse_end, parse_setting
from validators import vocabulary as v
from validators.document import AcceptedEntry

#: Options of the command -> how their values are read.
Values = Mapping[str, Any]


def term_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each common term, and ``--set`` for the others."""
    function = click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="TERM=VALUE",
        help="Any other term, such as slterms:disks-bus=virtio; empty: remove it. Repeatable.",
    )(function)
    for term in reversed(COMMON):
        again = " Repeatable." if term.many else ""
        function = click.option(
            f"--{term.name}", _parameter(term), multiple=term.many, metavar="TEXT", help=term.help + again
        )(function)
    return function


def read_terms(values: Values, settings: Sequence[str], now: datetime) -> dict[str, list[str]]:
    """The terms that the options name, by Clark name.

    Raises:
        CommandError: one of them cannot be written.
    """
    terms: dict[str, list[str]] = {}
    try:
        for term in COMMON:
            given = values[_parameter(term)]
            for text in given if term.many else [given] if given is not None else []:
                if not text.strip():
                    raise TermError(f"--{term.name}: is empty; to remove the term: --set {term.name}=")
                terms.setdefault(term.element, []).append(text)
        for setting in settings:
            name, value = parse_setting(setting)
            terms.setdefault(name, []).extend([value] if value else [])
        if terms.get(v.VALID):
            terms[v.VALID] = [_end(text, now) for text in terms[v.VALID]]
    except TermError as error:
        raise CommandError(str(error), ExitCode.USAGE) from None
    return terms


def _end(text: str, now: datetime) -> str:
    try:
        return parse_end(text, now)
    except TermError as error:
        raise TermError(f"--valid: {error}") from None


def ask_for_missing(
    terms: Mapping[str, list[str]],
    known: Mapping[str, str | None],
    earlier: AcceptedEntry | None,
    now: datetime,
) -> dict[str, list[str]]:
    """Ask on a terminal for what neither the options nor an earlier entry say; nothing has to be answered.

    Args:
        known: terms that the image itself tells.
    """
    said = {term.name for term in earlier.metadata.terms} if earlier is not None else set()
    if earlier is not None:
        said |= {extension.name for extension in earlier.metadata.extensions}
    asked = dict(terms)
    for term in COMMON:
        if not term.question or term.element in terms or term.element in said or known.get(term.element):
            continue
        answer = _ask(term, now)
        if answer:
            asked[term.element] = [answer]
    return asked


def _ask(term: CommonTerm, now: datetime) -> str:
    """Ask until the answer is valid; an empty answer is returned as it is."""
    while True:
        answer = click.prompt(f"{term.question} (optional)", default="", show_default=False, err=True)
        answer = str(answer).strip()
        if not answer or term.element != v.VALID:
            return answer
        try:
            return parse_end(answer, now)
        except TermError as error:
            say(str(error))


def _parameter(term: CommonTerm) -> str:
    return "term_" + term.name.replace("-", "_")
