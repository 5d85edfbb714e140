"""Where ``publish`` has the facts of an image from, and how it tells its steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from marketplace.cli.describe import read_facts
from marketplace.cli.files import STDIN, read_document
from marketplace.logs import printable
from marketplace.publishing.facts import FactsError, ImageFacts, parse_facts
from marketplace.publishing.packer import find_image
from marketplace.publishing.work import Work


def get_facts(
    image: str | None, given: str | None, work: Work, lxd: str | None = None
) -> tuple[ImageFacts, str | None]:
    """The facts of an image, and its file where that is at hand.

    Args:
        image: the file, or - for standard input; it is read, unless it is unchanged since that was done.
        given: in its place a file of facts, or a manifest of Packer, which names the image file.
        lxd: architecture for which LXD's fingerprint is wanted too.

    Raises:
        FactsError: what is told cannot be used.
        ImageError: the image cannot be described, or must not be opened.
        OSError: a file cannot be read.
    """
    if given is not None:
        data = read_document(given)
        built = find_image(data, Path() if given == STDIN else Path(given).parent)
        if built is None:
            facts = parse_facts(data)
            if lxd is not None and facts.lxd_fingerprint is None:
                raise FactsError(f"has no 'lxd_fingerprint': make it with marketplace describe --lxd {lxd}")
            tell("facts", f"{given}: {facts.identifier}")
            _tell_notes(facts)
            return facts, None
        image = str(built)
    assert image is not None  # noqa: S101  # one of the two is named
    return _read(image, work, lxd), None if image == STDIN else image


def tell(step: str, text: str) -> None:
    """Tell a step on standard error."""
    click.echo(f"{step:<9} {printable(text)}", err=True)


def _read(image: str, work: Work, lxd: str | None) -> ImageFacts:
    path = Path(image)
    kept = None if image == STDIN else work.find_facts(path)
    if kept is not None and lxd is None:
        kept = replace(kept, lxd_fingerprint=None)  # of a run that asked for it
    elif kept is not None and not _has_fingerprint(kept, lxd):
        kept = None
    facts = kept or read_facts(image, lxd)
    if kept is None and image != STDIN:
        work.keep_facts(path, facts)
    again = " (read before, unchanged)" if kept is not None else ""
    tell(
        "describe",
        f"{image}: {facts.size} bytes, {facts.format or 'format unknown'}, {facts.identifier}{again}",
    )
    _tell_notes(facts)
    return facts


def _has_fingerprint(facts: ImageFacts, architecture: str | None) -> bool:
    return facts.lxd_fingerprint is not None and facts.lxd_fingerprint.architecture == architecture


def _tell_notes(facts: ImageFacts) -> None:
    for note in facts.notes if facts.format is not None else ():  # of an unknown format advice tells
        tell("note", note)
