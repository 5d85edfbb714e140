"""``marketplace describe``: what an image file is, from one reading."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from marketplace.cli.examples import examples
from marketplace.cli.files import STDIN
from marketplace.cli.output import Format, document_option, write_record
from marketplace.cli.progress import progress
from marketplace.images import USUAL_DIGESTS, MeasuredImage, file_chunks, measure, stream_chunks, verify_safe
from marketplace.publishing.facts import ImageFacts
from validators.lxd import architectures, metadata_archive


@examples(
    "marketplace describe debian-13.qcow2",
    "marketplace describe debian-13.qcow2 -o json > facts.json",
    "marketplace describe debian-13.qcow2 --lxd x86_64",
)
@click.command()
@document_option
@click.option(
    "--lxd",
    metavar="ARCHITECTURE",
    type=click.Choice(architectures()),
    help="Also the fingerprint that LXD and Incus have for this qcow2 disk: one more digest. "
    f"ARCHITECTURE: {', '.join(architectures())}.",
)
@click.argument("image")
def describe(output: Format, lxd: str | None, image: str) -> None:
    """Describe an image file: size, digests, identifier, format, compression.

    The file is read once. A compressed image (gz, bz2, xz, zst) is described by its uncompressed
    bytes. What the content does not show is left out. An image that is not safe to open, because it
    refers to other files of the machine, ends with 5. IMAGE may be - for standard input.
    """
    facts = read_facts(image, lxd)
    if output == "table":
        write_record(_rows(facts), output)
    else:
        write_record(facts.record(), output)


def read_facts(image: str, lxd: str | None = None) -> ImageFacts:
    """The facts of an image, with a progress bar on a terminal.

    Args:
        lxd: architecture for which LXD's fingerprint is wanted too.

    Raises:
        FactsError: LXD's fingerprint is wanted, and the image is no disk that LXD takes.
        ImageError: the file cannot be described, or its image must not be opened.
        OSError: it cannot be read.
    """
    measured = measure_file(image, USUAL_DIGESTS, None if lxd is None else metadata_archive(lxd))
    verify_safe(measured.inspection)
    return ImageFacts.of(measured, lxd)


def measure_file(image: str, algorithms: Sequence[str], before: bytes | None = None) -> MeasuredImage:
    """What an image file is, with a progress bar on a terminal.

    Args:
        algorithms: of the digests to make, SHA-1 among them.
        before: bytes that stand before the image in the combined digest; None makes none.

    Raises:
        ImageError: the file cannot be measured.
        OSError: it cannot be read.
    """
    return measure(_chunks(image), algorithms=algorithms, before=before)


def _chunks(image: str) -> Iterator[bytes]:
    if image == STDIN:
        yield from stream_chunks(sys.stdin.buffer)
        return
    path = Path(image)
    with progress("Reading", path.stat().st_size) as advance:
        yield from _counted(file_chunks(path), advance)


def _counted(chunks: Iterable[bytes], advance: Callable[[int], None]) -> Iterator[bytes]:
    for chunk in chunks:
        advance(len(chunk))
        yield chunk


def _rows(facts: ImageFacts) -> dict[str, Any]:
    record = facts.record()
    checksums = record.pop("checksums")
    notes = record.pop("notes")
    if facts.compression is None:
        del record["stored_bytes"]
    record |= checksums
    if notes:
        record["notes"] = notes
    return record
