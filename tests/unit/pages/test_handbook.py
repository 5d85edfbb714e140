"""The documentation as pages: every link leads somewhere, every page is small, every command exists."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from marketplace.cli.application import application
from marketplace.pages.handbook import ABOUT, ADDRESS, CHAPTERS, PICTURES, directory, handbook, picture

#: HTML of a page beside the layout of the site, in bytes.
MOST = 56_000
#: Bytes of a picture.
MOST_PICTURE = 150_000


def test_every_link_leads_to_a_page_and_its_anchor() -> None:
    pages = handbook().pages
    links = [
        (page.path, link)
        for page in pages.values()
        for link in re.findall(rf'href="{ADDRESS}([^"]+)"', page.html)
    ]
    assert len(links) > 20
    for source, link in links:
        path, _, anchor = link.partition("#")
        assert path in pages, (source, link)
        assert not anchor or f'id="{anchor}"' in pages[path].html, (source, link)


def test_every_picture_is_there_and_is_shown() -> None:
    shown = {
        name
        for page in handbook().pages.values()
        for name in re.findall(rf'src="{ADDRESS}([^"]+)"', page.html)
    }
    assert shown == set(PICTURES)
    for name in PICTURES:
        assert picture(name).startswith(b"\x89PNG\r\n")
        assert len(picture(name)) < MOST_PICTURE


@pytest.mark.parametrize("name", [name for name, _ in CHAPTERS])
def test_no_link_between_the_files_is_broken(name: str) -> None:
    text = (directory() / f"{name}.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]*)(?:#[^)]*)?\)", text):
        assert not target or (directory() / target).exists(), target


def test_what_a_search_finds_is_there() -> None:
    found = handbook().search("nginx proxy")
    assert found
    for section, excerpt in found:
        path, _, anchor = section.path.partition("#")
        page = handbook().pages[path]
        assert excerpt
        assert not anchor or f'id="{anchor}"' in page.html
    assert handbook().search("zzzzzz") == []


@pytest.mark.parametrize("asked", ["checksum", "nginx proxy", "view", "token"])
def test_an_excerpt_has_whole_words_and_no_marks_of_markdown(asked):
    for section, excerpt in handbook().search(asked):
        middle = excerpt.removeprefix("… ").removesuffix(" …")
        assert f" {middle} " in f" {section.text} ", excerpt
        assert "](" not in excerpt and len(excerpt) <= 170
    assert handbook().search(" ") == []


def test_pages_are_small_and_hold_no_script() -> None:
    for page in handbook().pages.values():
        assert len(page.html.encode()) < MOST, page.path
        assert "<script" not in page.html
        assert "&lt;!--" not in re.sub("<pre.*?</pre>", "", page.html, flags=re.S), page.path


_COMMAND = re.compile(r"\s*(?:\$ )?(?:[A-Z_]+=\S+ )*(?:/\S*/)?marketplace ([^>].*)")


def documented_commands() -> list[tuple[str, str]]:
    """Each ``marketplace`` line of an example, with the name of its page and without the program's name."""
    found: list[tuple[str, str]] = []
    for path in (*sorted(directory().glob("*.md")), directory().parent / "README.md"):
        name, text = path.stem, path.read_text(encoding="utf-8")
        blocks = re.findall(r"^```(?:sh|console|bash)\n(.*?)^```", text, re.M | re.S)
        lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
        found += [(name, command[1]) for line in lines if (command := _COMMAND.match(line))]
    return found


def test_every_command_of_an_example_exists_with_its_options() -> None:
    lines = documented_commands()
    assert len(lines) > 20
    for name, line in lines:
        words = shlex.split(line, comments=True)
        command: click.Command = application
        context = click.Context(application)
        while words and isinstance(command, click.Group):
            found = command.get_command(context, words.pop(0))
            assert found is not None, (name, line)
            command = found
        known = {
            option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        for word in words:
            if word in ("|", ">", "&&", ";", "&"):
                break
            if word.startswith("--"):
                assert word.partition("=")[0] in {*known, "--help"}, (name, line)


def test_the_first_page_says_what_each_page_is_about() -> None:
    assert list(ABOUT) == [name for name, _ in CHAPTERS]
