"""The pages of a copy: what is in it, a search that runs in the browser, and redirects for some servers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

from marketplace.moments import counted
from marketplace.views.dialects import DIALECTS
from marketplace.views.value import View, ViewImage, entry_path
from validators.document import format_time

_SCRIPT: Final = """\
// Searches images.json: every word has to occur in what is told of an image.
"use strict";
const form = document.querySelector("form"), list = document.querySelector("tbody");
const count = document.querySelector("output");
const MOST = 200;
let images = [];
const cell = (row, text, link) => {
  const place = row.insertCell();
  if (!link) { place.textContent = text; return; }
  const anchor = document.createElement("a");
  anchor.textContent = text;
  anchor.href = link;
  place.append(anchor);
};
const show = () => {
  const words = form.q.value.toLowerCase().split(/\\s+/).filter(Boolean);
  const found = images.filter(one => words.every(word => one.text.includes(word)));
  list.replaceChildren();
  for (const one of found.slice(0, MOST)) {
    const row = list.insertRow();
    cell(row, one.title, one.location);
    cell(row, one.system);
    cell(row, one.endorser);
    cell(row, one.created.slice(0, 10));
    cell(row, "signed entry", one.entry);
  }
  count.textContent = `${found.length} of ${images.length} images` +
    (found.length > MOST ? `, the first ${MOST} of them` : "");
};
form.addEventListener("submit", event => event.preventDefault());
form.q.addEventListener("input", show);
fetch("images.json").then(answer => answer.json()).then(told => {
  images = told.map(one => ({ ...one, text: Object.values(one).join(" ").toLowerCase() }));
  show();
});
"""
_STYLE: Final = """\
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid #ccc; padding: .3rem .6rem .3rem 0; text-align: left; }
input { font: inherit; padding: .3rem; width: 100%; box-sizing: border-box; }
@media (max-width: 40rem) {
  thead { display: none; }
  td { border: 0; display: block; overflow-wrap: anywhere; padding: 0; }
  tr { border-bottom: 1px solid #ccc; display: block; padding: .5rem 0; }
}
"""


def write_pages(view: View, unavailable: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """The files of the pages, by their paths; the page that leads to the others last.

    Args:
        view: that is copied.
        unavailable: why a document is not in the copy, by its path.
    """
    yield "_redirects", _redirects(view)
    lines = ",\n".join(json.dumps(_line(one), ensure_ascii=False) for one in view.images)
    yield "images.json", f"[\n{lines}\n]\n".encode()
    yield "search.js", _SCRIPT.encode()
    yield "style.css", _STYLE.encode()
    yield "index.html", _page(view, unavailable).encode()


def _redirects(view: View) -> bytes:
    """Path and location of each image, as hosts of static sites read them: ``PATH LOCATION 302``."""
    lines = (
        f"{root}{one.path} {one.locations[0]} 302\n"
        for one in view.images
        if one.locations
        for root in ("/", "/simplestreams/")
    )
    return "".join(lines).encode()


def _line(image: ViewImage) -> dict[str, Any]:
    said = image.metadata
    system = " ".join(one for one in (said.os, said.os_version, said.os_arch) if one)
    return {
        "title": image.title,
        "system": system,
        "endorser": image.email,
        "created": format_time(image.created),
        "tags": " ".join(said.tags),
        "identifier": image.identifier,
        "location": image.locations[0] if image.locations else "",
        "entry": entry_path(image.entry_id),
    }


def _page(view: View, unavailable: Mapping[str, str]) -> str:
    documents = [
        f'<li><a href="{escape(one.path)}">{escape(one.path)}</a></li>'
        for dialect in DIALECTS
        if dialect.answer is None
        for one in dialect.entrances(view)
        if one.path not in unavailable
    ]
    title, description = escape(view.title), escape(view.description)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="style.css">
<script src="search.js" defer></script>
</head>
<body>
<h1>{title}</h1>
<p>{description}</p>
<p>A copy of <a href="{escape(view.site)}">{escape(view.site_title)}</a> as of {format_time(view.updated)}.
To prove it: <code>marketplace verify --static {escape(view.base)} --key KEY</code>, with the log key
of the <a href="{escape(view.site)}/federation">federation page</a> there.</p>
<form role="search"><label>Search <input name="q" type="search" autocomplete="off"></label></form>
<p><output>{counted(len(view.images), "image")}</output></p>
<noscript><p>The table needs JavaScript; <a href="images.json">images.json</a> has the same.</p></noscript>
<table>
<thead><tr><th>Image</th><th>System</th><th>Endorser</th><th>Date</th><th>Proof</th></tr></thead>
<tbody></tbody>
</table>
<h2>Lists for programs</h2>
<ul>
{chr(10).join(documents)}
</ul>
</body>
</html>
"""
