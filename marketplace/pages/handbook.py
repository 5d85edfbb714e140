"""The documentation as pages: the files of ``docs/`` laid out, split where they are long, and searched."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

#: What is shown, in the order of reading: name of the file, and of its link.
CHAPTERS = (
    ("start", "Start"),
    ("publishing", "Publishing images"),
    ("vendors", "Keeping vendors' images current"),
    ("cli", "Command line"),
    ("verdicts", "May this image be started?"),
    ("sites", "Cloud sites"),
    ("dialects", "Views for other programs"),
    ("webhooks", "Webhooks and events"),
    ("operations", "Running a marketplace"),
    ("scale", "Beyond one machine"),
    ("federation", "Federation"),
    ("privacy", "Private images"),
    ("api", "API"),
    ("format", "Format"),
    ("attacks", "Security tests"),
)
#: What each is about, for the first page.
ABOUT = {
    "start": "Install the command, find an image, check it and start it.",
    "publishing": "Describe your image, sign the description and publish it.",
    "vendors": "Publish the images of distributions under your key, automatically.",
    "cli": "Every command, with options, exit codes and completion.",
    "verdicts": "How a marketplace decides whether an image may be started.",
    "sites": "Import verified images into OpenStack, libvirt, S3 or a folder.",
    "dialects": "Lists for Terraform, simplestreams, HEPiX, OAI-PMH and others.",
    "webhooks": "Tell your programs when something happens.",
    "operations": "Install, configure, watch, back up and upgrade a server.",
    "scale": "Several processes and machines over one database.",
    "federation": "Exchange entries with other marketplaces that you need not trust.",
    "privacy": "Entries that only members of a group see.",
    "api": "For authors of clients: URLs, formats, errors and limits.",
    "format": "Which documents are entries, in every detail.",
    "attacks": "Hostile documents that the tests send, and why each is refused.",
}
#: Pictures in these files, which lie beside them (PNG).
PICTURES = ("publishing-entry.png",)
#: Characters of HTML from which on a file is shown by its sections, a page each.
LONG = 45_000
#: Sections that a search answers with, and characters of each that it shows.
MOST_FOUND = 30
_EXCERPT = 160


@dataclass(frozen=True)
class HandbookSection:
    """A section of the documentation: the text under one heading.

    Attributes:
        path: where it is, below the address of the documentation.
        text: its words without markup.
    """

    path: str
    page: str
    title: str
    text: str


@dataclass(frozen=True)
class HandbookPage:
    """One page: its path below the address of the documentation, and its HTML without a place to stand."""

    path: str
    title: str
    html: str
    contents: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Handbook:
    """All pages by path, and all sections in the order of reading."""

    pages: dict[str, HandbookPage]
    sections: tuple[HandbookSection, ...]

    def search(self, words: str) -> list[tuple[HandbookSection, str]]:
        """Sections that hold all words, those with a word in their title first, each with an excerpt."""
        wanted = words.casefold().split()
        if not wanted:
            return []
        found = [one for one in self.sections if all(word in _folded(one) for word in wanted)]
        found.sort(key=lambda one: not any(word in one.title.casefold() for word in wanted))
        return [(one, _excerpt(one.text, wanted)) for one in found[:MOST_FOUND]]


def directory() -> Path:
    """The files: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_docs"
    return installed if installed.is_dir() else package.parent / "docs"


@cache
def handbook() -> Handbook:
    """The documentation; made once, at the first request.

    Raises:
        OSError: a file cannot be read.
    """
    folder = directory()
    parsed = {
        name: _read(name, text, (folder / f"{name}.md").read_text(encoding="utf-8"))
        for name, text in CHAPTERS
    }
    places = {anchor: place for document in parsed.values() for anchor, place in document.anchors.items()}
    pages: dict[str, HandbookPage] = {}
    sections: list[HandbookSection] = []
    for document in parsed.values():
        for page in document.pages(places):
            pages[page.path] = page
        sections += document.sections()
    return Handbook(pages, tuple(sections))


@cache
def picture(name: str) -> bytes:
    """A picture of the documentation; read once.

    Args:
        name: one of ``PICTURES``.

    Raises:
        OSError: it cannot be read.
    """
    return (directory() / name).read_bytes()


def slug(title: str) -> str:
    """The anchor of a heading, as the common viewers of Markdown make it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")


def _folded(section: HandbookSection) -> str:
    return f"{section.page} {section.title} {section.text}".casefold()


def _excerpt(text: str, words: Sequence[str]) -> str:
    first = min((place for word in words if (place := text.casefold().find(word)) >= 0), default=0)
    start = max(0, first - _EXCERPT // 3)
    end = start + _EXCERPT
    # Whole words, where they are not longer than any word is.
    if start:
        start += max(0, text[start:first].find(" "))
    if end < len(text):
        end = max(text.rfind(" ", first, end), end - _EXCERPT // 3)
    return f"{'… ' if start else ''}{text[start:end].strip()}{' …' if end < len(text) else ''}"


@dataclass(frozen=True)
class _Document:
    """A file: its parts at headings of the second level, the first of them before any."""

    name: str
    link: str
    parts: tuple[tuple[str, tuple[Token, ...]], ...]
    split: bool
    #: ``name#anchor`` -> path and anchor below the address of the documentation.
    anchors: dict[str, str]

    def pages(self, targets: dict[str, str]) -> Iterator[HandbookPage]:
        """The pages of a document: one, or a list of sections and one page for each of them."""
        heads = [title for title, _ in self.parts[1:]]
        if not self.split:
            tokens = [token for _, part in self.parts for token in part]
            contents = tuple((f"#{slug(title)}", title) for title in heads)
            yield HandbookPage(self.name, self.link, self._render(tokens, targets), contents)
            return
        contents = tuple((f"/{self.name}/{slug(title)}", title) for title in heads)
        yield HandbookPage(self.name, self.link, self._render(self.parts[0][1], targets), contents)
        for title, part in self.parts[1:]:
            html = self._render(part, targets)
            yield HandbookPage(f"{self.name}/{slug(title)}", f"{title} – {self.link}", html, ())

    def sections(self) -> Iterator[HandbookSection]:
        """What a search looks through."""
        for title, part in self.parts:
            texts = (_words(t) if t.type == "inline" else t.content for t in part)
            words = " ".join(" ".join(texts).split())
            yield HandbookSection(self.anchors[f"{self.name}#{slug(title)}"], self.link, title, words)

    def _render(self, tokens: Sequence[Token], targets: dict[str, str]) -> str:
        environment = {"document": self.name, "places": targets}
        return str(_MARKDOWN.renderer.render(list(tokens), _MARKDOWN.options, environment))


def _read(name: str, link: str, text: str) -> _Document:
    tokens = _without_comments(_MARKDOWN.parse(text))
    parts: list[tuple[str, list[Token]]] = [(link, [])]
    anchors: list[tuple[str, str]] = []
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            title = _words(tokens[place + 1])
            token.attrSet("id", slug(title))
            if token.tag == "h2":
                parts.append((title, []))
            anchors.append((slug(title), parts[-1][0]))
        parts[-1][1].append(token)
    split = len(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})) > LONG

    def where(anchor: str, part: str) -> str:
        page = f"{name}/{slug(part)}" if split and part != link else name
        return f"{page}#{anchor}" if anchor else page

    known = {f"{name}#{anchor}": where(anchor, part) for anchor, part in anchors}
    known |= {name: name, f"{name}#{slug(link)}": name}
    return _Document(name, link, tuple((title, tuple(part)) for title, part in parts), split, known)


def _without_comments(tokens: Sequence[Token]) -> list[Token]:
    """All but paragraphs that are an HTML comment: it is for whoever writes the file."""
    comments = {
        place
        for place, token in enumerate(tokens)
        if token.type == "inline" and token.content.startswith("<!--") and token.content.endswith("-->")
    }
    return [token for place, token in enumerate(tokens) if not comments & {place - 1, place, place + 1}]


def _words(inline: Token) -> str:
    breaks = ("softbreak", "hardbreak")
    return "".join(" " if one.type in breaks else one.content for one in inline.children or ())


def _link_open(_: Any, tokens: Sequence[Token], index: int, options: Any, environment: Any) -> str:
    """A link to another file leads to its page; one to a file that is not shown is text."""
    target = str(tokens[index].attrs.get("href", ""))
    if urlsplit(target).scheme in ("http", "https"):
        return str(Markup('<a href="{}" rel="noreferrer">').format(target))
    file, _, anchor = target.partition("#")
    name = file.removesuffix(".md") or environment.get("document", "")
    found = environment.get("places", {}).get(f"{name}#{anchor}" if anchor else name)
    return "<span>" if found is None else str(Markup('<a href="{}{}">').format(ADDRESS, found))


def _link_close(_: Any, tokens: Sequence[Token], index: int, options: Any, environment: Any) -> str:
    depth, opened = 0, index
    while depth or opened == index:
        depth += {"link_close": 1, "link_open": -1}.get(tokens[opened].type, 0)
        opened -= 1
    opened += 1
    begun = _link_open(_, tokens, opened, options, environment)
    return "</span>" if begun == "<span>" else "</a>"


def _image(_: Any, tokens: Sequence[Token], index: int, options: Any, environment: Any) -> str:
    """A picture beside the files; any other one is its description."""
    name, description = str(tokens[index].attrs.get("src", "")), tokens[index].content
    if name not in PICTURES:
        return str(escape(description))
    picture = Markup('<img class="picture" src="{}{}" alt="{}" loading="lazy">')
    return str(picture.format(ADDRESS, name, description))


def _table_open(_: Any, tokens: Sequence[Token], index: int, options: Any, environment: Any) -> str:
    return '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>\n'


def _table_close(_: Any, tokens: Sequence[Token], index: int, options: Any, environment: Any) -> str:
    return "</table></div>\n"


def _code(_: Any, tokens: Sequence[Token], index: int, options: Any, environment: Any) -> str:
    code = escape(tokens[index].content)
    return f'<pre class="scroll" tabindex="0" role="group" aria-label="Example"><code>{code}</code></pre>\n'


#: Stands for the address of the documentation until a request tells it.
ADDRESS = "DOCUMENTATION:/"
#: HTML in a file is shown as text, never passed on.
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
for _name, _rule in (
    ("link_open", _link_open),
    ("link_close", _link_close),
    ("image", _image),
    ("table_open", _table_open),
    ("table_close", _table_close),
    ("fence", _code),
    ("code_block", _code),
):
    _MARKDOWN.add_render_rule(_name, _rule)
