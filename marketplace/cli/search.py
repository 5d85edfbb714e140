"""``marketplace search``."""

from __future__ import annotations

from collections.abc import Callable

import click

from marketplace.cli.examples import examples
from marketplace.cli.options import checksum_option, endpoint_option, open_client, scope_option
from marketplace.cli.output import Format, output_option, write_records
from marketplace.cli.streams import say
from marketplace.client.search import SearchQuery
from marketplace.facets import Facet
from marketplace.logs import printable


def _filter_options(command: Callable[..., None]) -> Callable[..., None]:
    """An option for each facet, repeatable."""
    for facet in reversed(Facet):
        kind = click.Choice(facet.choices) if facet.choices else None
        text = facet.meaning.replace("`", "")
        option = click.option(
            f"--{facet}", facet.name, multiple=True, type=kind, help=f"{text[0].upper()}{text[1:]}."
        )
        command = option(command)
    return command


@examples(
    "marketplace search debian",
    'marketplace search "web server" --os debian --arch x86_64 --sort newest',
    "marketplace search --checksum MMZu9WvwKIro-rtBQfDk4PsKO7_ --status all",
)
@click.command()
@endpoint_option
@output_option
@_filter_options
@checksum_option
@click.option("--reachable", type=click.Choice(["yes", "no"]), help="Whether the content can be downloaded.")
@scope_option
@click.option("--sort", help="Order: relevance, newest, oldest, title, largest, smallest ...")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Most results.")
@click.argument("words", nargs=-1)
def search(
    endpoint: str | None,
    output: Format,
    checksum: str | None,
    reachable: str | None,
    scope: str | None,
    sort: str | None,
    limit: int,
    words: tuple[str, ...],
    **filters: tuple[str, ...],
) -> None:
    """Find images by words and filters, as listed by the marketplace (not verified).

    Finds images that contain all WORDS; "a phrase", field:word and begin* work too. Repeat a
    filter to allow several of its values. `show` and `verify` check signatures.
    """
    given = tuple((Facet[name].value, value) for name, values in filters.items() for value in values)
    single = (("scope", scope), ("checksum", checksum), ("reachable", reachable))
    given += tuple((name, value) for name, value in single if value)
    with open_client(endpoint) as client:
        answer = client.search(SearchQuery(" ".join(words), given, sort, limit))
    records = [
        {
            "identifier": hit.identifier,
            "email": hit.email,
            "created": hit.created,
            "status": hit.status,
            "os": hit.os,
            "os_version": hit.os_version,
            "os_arch": hit.os_arch,
            "title": hit.title,
            "entry": hit.path,
        }
        for hit in answer.hits
    ]
    columns = ("identifier", "email", "created", "os", "os_version", "os_arch", "title")
    write_records(records, columns, output, identify="entry")
    if answer.hint:
        say(f"{printable(answer.hint)}")
    if not records:
        hint = f"; try: {printable(answer.suggestion)}" if answer.suggestion else ""
        say(f"nothing found{hint}.")
    elif answer.total > len(records):
        say(f"{len(records)} of {answer.total}; --limit shows more.")
