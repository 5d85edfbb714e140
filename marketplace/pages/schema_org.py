"""What pages of entries and images tell search engines: a SoftwareApplication of schema.org, in JSON-LD."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from marketplace.locations.links import carries_credentials, link
from validators.document import AcceptedEntry, format_time

#: Characters of a text, and values of one kind: search engines show no more, and a page has at most 60 kB.
_MOST_TEXT, _MOST_VALUES = 300, 20
#: In the document itself: readers fetch nothing to understand it.
_CONTEXT: Mapping[str, Any] = {
    "@vocab": "https://schema.org/",
    **{name: {"@type": "@id"} for name in ("url", "downloadUrl", "license")},
    **{name: {"@type": "Date"} for name in ("datePublished", "expires")},
}
#: What could end the element, or begin a comment in it, is written as JSON escapes it.
_ESCAPES = str.maketrans({one: f"\\u{ord(one):04x}" for one in "<>&"})


def data_block(entry: AcceptedEntry, site_url: str, path: str | None = None) -> Markup:
    """The content of a ``<script type="application/ld+json">``: ASCII only, and nothing that ends it.

    Browsers do not run such a block, so the site's policy for scripts need not allow it.

    Args:
        site_url: public base URL of the marketplace.
        path: of the page about the image; None: it is the entry's own.
    """
    told = json.dumps(describe(entry, site_url, path), separators=(",", ":"))
    return Markup(told.translate(_ESCAPES))  # noqa: S704  # nothing in it is markup any more


def describe(entry: AcceptedEntry, site_url: str, path: str | None = None) -> dict[str, Any]:
    """The image of an entry as JSON-LD.

    Args:
        path: as in ``data_block``.

    Source: https://schema.org/SoftwareApplication
    """
    said = entry.metadata
    signed = f"{site_url}/metadata/{quote(entry.coordinates.path(), safe='/@:')}"
    page = signed if path is None else f"{site_url}{path}"
    system = " ".join(filter(None, (_text(one) for one in (said.os, said.os_version, said.os_arch))))
    author = f"{site_url}/endorsers/{quote(entry.endorser.email, safe='@')}"
    found: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "SoftwareApplication",
        "@id": page,
        "url": page,
        "name": _text(said.title) or entry.identifier,
        "description": _text(said.description),
        "applicationCategory": "Virtual machine image",
        "operatingSystem": system,
        "softwareVersion": _text(said.version),
        "fileSize": f"{said.size} B" if said.size else "",
        "encodingFormat": _text(said.format),
        "datePublished": f"{entry.created:%Y-%m-%d}",
        "expires": "" if said.valid is None else f"{said.valid:%Y-%m-%d}",
        "keywords": [_text(one) for one in said.tags[:_MOST_VALUES]],
        "downloadUrl": _locations(entry),
        "author": {"@type": "Person", "@id": author, "name": entry.endorser.email},
        "publisher": {"@type": "Organization", "name": _text(said.publisher)}
        if _text(said.publisher)
        else "",
        "identifier": [
            {"@type": "PropertyValue", "propertyID": "image", "value": entry.identifier},
            *(
                {"@type": "PropertyValue", "propertyID": one.algorithm, "value": one.value}
                for one in said.checksums[:_MOST_VALUES]
            ),
        ],
        # The proof: everything above is a copy of what is signed there.
        "subjectOf": {
            "@type": "DigitalDocument",
            "url": f"{signed}?media=xml",
            "encodingFormat": "application/rdf+xml",
            "dateCreated": format_time(entry.created),
            "identifier": f"entry:{entry.entry_id}",
        },
    }
    return {name: value for name, value in found.items() if value not in ("", [])}


def _text(text: str | None) -> str:
    return (text or "").strip()[:_MOST_TEXT]


def _locations(entry: AcceptedEntry) -> list[str]:
    """Where the content lies on the web, without addresses that let in whoever has them."""
    named = entry.metadata.locations[:_MOST_VALUES]
    found = [(one, link(one)) for one in named if not carries_credentials(one)]
    return [
        href for _, href in found if href is not None and href.lower().startswith(("http://", "https://"))
    ]
