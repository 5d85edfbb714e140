"""Reading elements of the known vocabulary: by qualified name, in any order, nothing else beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from validators.errors import (
    ElementCountError,
    ParseTypeError,
    UnexpectedAttributeError,
    UnexpectedElementError,
    UnexpectedTextError,
)
from validators.vocabulary import BARE_PARSE_TYPE, PARSE_TYPE, XML_LANG, prefixed

if TYPE_CHECKING:
    from lxml.etree import _Element

Children = Mapping[str, Sequence["_Element"]]

_WHITE_SPACE: Final = " \t\r\n"
_LANG: Final = [XML_LANG]
_RESOURCE: Final = frozenset({XML_LANG, PARSE_TYPE, BARE_PARSE_TYPE})
_PLAIN_RESOURCE: Final = [(PARSE_TYPE, "Resource")]


def list_nodes(parent: _Element) -> list[_Element]:
    """The elements, comments and processing instructions in an element."""
    # An iterator takes four times as long.
    return parent[:]  # type: ignore[index, return-value]  # the stubs do not know slices


def parse_children(parent: _Element) -> dict[str, list[_Element]]:
    """The child elements by Clark name, each list in document order.

    Raises:
        UnexpectedTextError: text other than white space stands between them.
    """
    children: dict[str, list[_Element]] = {}
    text = parent.text or ""
    for child in list_nodes(parent):
        tail = child.tail
        if tail:
            text += tail
        name = child.tag
        if name in children:
            children[name].append(child)
        elif isinstance(name, str):
            children[name] = [child]
    if text and text.strip(_WHITE_SPACE):
        raise UnexpectedTextError(prefixed(parent.tag), text, "no text between its elements")
    return children


def get_one(parent: _Element, children: Children, name: str) -> _Element:
    """The only child of that name.

    Raises:
        ElementCountError: there is none, or more than one.
    """
    try:
        (only,) = children[name]
    except (KeyError, ValueError):
        where = f"{prefixed(parent.tag)}/{prefixed(name)}"
        found = f"{len(children.get(name, ()))} of them"
        raise ElementCountError(where, found, "exactly one") from None
    return only


def parse_leaf(element: _Element) -> str:
    """The text of an element that holds a value and nothing else.

    Raises:
        UnexpectedAttributeError: an attribute other than xml:lang.
        UnexpectedElementError: a child element.
    """
    names = element.keys()
    if names and names != _LANG:
        raise UnexpectedAttributeError(prefixed(element.tag), attributes(element), "only xml:lang")
    if len(element):
        # A processing instruction would be here too, but step 1 refuses it in a value.
        raise UnexpectedElementError(prefixed(element.tag), prefixed(str(element[0].tag)), "text only")
    return element.text or ""


def parse_resource(element: _Element, names: frozenset[str]) -> dict[str, list[_Element]]:
    """The children of an element with parseType="Resource", which holds only the named ones.

    The attribute may lack its prefix, as one client in use writes it.

    Raises:
        UnexpectedAttributeError: an attribute other than parseType and xml:lang.
        ParseTypeError: no parseType, two of them, or another value.
        UnexpectedElementError: a child with another name.
        UnexpectedTextError: text between the children.
    """
    stated = element.items()
    if stated != _PLAIN_RESOURCE:
        if not _RESOURCE.issuperset(name for name, _ in stated):
            expected = "only rdf:parseType and xml:lang"
            raise UnexpectedAttributeError(prefixed(element.tag), attributes(element), expected)
        if [value for name, value in stated if name != XML_LANG] != ["Resource"]:
            expected = 'rdf:parseType="Resource"'
            raise ParseTypeError(prefixed(element.tag), attributes(element), expected)
    children = parse_children(element)
    if not names.issuperset(children):
        found = ", ".join(prefixed(name) for name in children if name not in names)
        expected = "only " + ", ".join(sorted(map(prefixed, names)))
        raise UnexpectedElementError(prefixed(element.tag), found, expected)
    return children


def attributes(element: _Element) -> str:
    """The attributes of an element, for a message."""
    return " ".join(f'{prefixed(str(name))}="{value!s}"' for name, value in element.items()) or "no attribute"
