"""``resourcesync/``: the signed entries of a view as resources, and what changed, for ResourceSync 1.1.

The lists are site maps, so that anything that reads those finds the entries too. Only a view of a running
site has a list of changes: a copy does not know what went.

Source: ANSI/NISO Z39.99-2017, ResourceSync Framework Specification.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from marketplace.views.dialects.dialect import Dialect, Document
from marketplace.views.dialects.texts import xml_text
from marketplace.views.value import Record, View, ViewImage
from validators.document import format_time

#: Resources of one list, as site maps have them at most.
MOST: Final = 50_000
#: Changes that are told; who comes more seldom reads the resources anew.
CHANGES: Final = 10_000
_FOLDER: Final = "resourcesync/"
_RESOURCES: Final = f"{_FOLDER}resourcelist"
_CHANGES: Final = f"{_FOLDER}changelist.xml"
_CAPABILITIES: Final = f"{_FOLDER}capabilitylist.xml"
#: What ``/.well-known/resourcesync`` answers for the view that is there from the start.
DESCRIPTION: Final = f"{_FOLDER}description.xml"
_NAMESPACES: Final = (
    'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:rs="http://www.openarchives.org/rs/terms/"'
)


def documents(view: View) -> Iterable[Document]:
    """The lists, and behind them what leads to them."""
    parts = range(1, _parts(view) + 1) if _parts(view) > 1 else ()
    paths = [*map(_part, parts), f"{_RESOURCES}.xml"]
    if not view.copied:
        paths.append(_CHANGES)
    return [Document(path, "application/xml") for path in (*paths, _CAPABILITIES, DESCRIPTION)]


def find_lack(image: ViewImage) -> str | None:
    """Every entry is a resource."""
    return None


def write(view: View, path: str) -> bytes:
    """A list."""
    if path == DESCRIPTION:
        lines = _lines("description", "", [_leads(view, _CAPABILITIES, "capabilitylist")])
    elif path == _CAPABILITIES:
        told = [_leads(view, f"{_RESOURCES}.xml", "resourcelist")]
        if not view.copied:
            told.append(_leads(view, _CHANGES, "changelist"))
        lines = _lines("capabilitylist", _up(view, DESCRIPTION), told)
    elif path == _CHANGES:
        lines = _changes(view)
    else:
        lines = _resources(view, path)
    return ("\n".join(('<?xml version="1.0" encoding="UTF-8"?>', *lines)) + "\n").encode()


def _lines(
    capability: str, links: str, lines: Iterable[str], more: str = "", kind: str = "url"
) -> Iterator[str]:
    root = "urlset" if kind == "url" else "sitemapindex"
    yield f'<{root} {_NAMESPACES}>{links}<rs:md capability="{capability}"{more}/>'
    yield from lines
    yield f"</{root}>"


def _leads(view: View, path: str, capability: str) -> str:
    return f'<url><loc>{xml_text(f"{view.base}/{path}")}</loc><rs:md capability="{capability}"/></url>'


def _up(view: View, path: str) -> str:
    return f'<rs:ln rel="up" href="{xml_text(f"{view.base}/{path}")}"/>'


def _parts(view: View) -> int:
    return -(-len(view.images) // MOST)


def _part(number: int) -> str:
    return f"{_RESOURCES}_{number:05}.xml"


def _resources(view: View, path: str) -> Iterator[str]:
    at = f' at="{format_time(view.updated)}"'
    links = _up(view, _CAPABILITIES)
    if path != f"{_RESOURCES}.xml":
        number = next(one for one in range(1, _parts(view) + 1) if _part(one) == path)
        images: Sequence[ViewImage] = view.images[(number - 1) * MOST : number * MOST]
    elif _parts(view) > 1:
        parts = (xml_text(f"{view.base}/{_part(one)}") for one in range(1, _parts(view) + 1))
        told = (f"<sitemap><loc>{one}</loc><rs:md{at}/></sitemap>" for one in parts)
        yield from _lines("resourcelist", links, told, at, "sitemap")
        return
    else:
        images = view.images
    yield from _lines("resourcelist", links, (_resource(view, one) for one in images), at)


def _resource(view: View, image: ViewImage) -> str:
    return (
        f"<url><loc>{xml_text(view.entry_url(image))}</loc><lastmod>{format_time(image.accepted_at)}</lastmod>"
        f"<rs:md {_sum(image)}/></url>"
    )


def _sum(image: ViewImage) -> str:
    return f'hash="sha-256:{image.digest}" length="{image.length}" type="application/rdf+xml"'


def _changes(view: View) -> Iterator[str]:
    records: Sequence[Record] = view.records
    if len(records) > CHANGES:
        # Those of the second in which the cut is would be told in part.
        cut = records[-CHANGES - 1].since
        records = [one for one in records[-CHANGES:] if one.since > cut]
    begin = records[0].since if records else view.updated
    period = f' from="{format_time(begin)}" until="{format_time(view.updated)}"'
    told = (_change(view, one) for one in records)
    yield from _lines("changelist", _up(view, _CAPABILITIES), told, period)


def _change(view: View, record: Record) -> str:
    moment = format_time(record.since)
    url = f"<url><loc>{xml_text(view.coordinates_url(record.coordinates))}</loc><lastmod>{moment}</lastmod>"
    if record.image is None:
        return f'{url}<rs:md change="deleted" datetime="{moment}"/></url>'
    return f'{url}<rs:md change="created" datetime="{moment}" {_sum(record.image)}/></url>'


RESOURCESYNC = Dialect("resourcesync", documents, write, find_lack)
