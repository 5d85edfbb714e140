"""Small changes to element trees that leave everything else as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

if TYPE_CHECKING:
    from lxml.etree import _Element


def remove_element(parent: _Element, child: _Element) -> None:
    """Take a child out; the text behind it stays."""
    # lxml takes the text behind an element away with it; that text belongs to the parent.
    before = child.getprevious()
    if child.tail and before is not None:
        before.tail = (before.tail or "") + child.tail
    elif child.tail:
        parent.text = (parent.text or "") + child.tail
    parent.remove(child)


def set_leaf(parent: _Element, tag: str, prefix: str, text: str) -> None:
    """Give a parent exactly one child of a name, with a text and no attributes.

    Args:
        tag: Clark name.
        prefix: to write its namespace with, where the document has none for it.

    Raises:
        ValueError: the text has characters that XML cannot hold.
    """
    found = parent.findall(tag)
    for other in found[1:]:
        remove_element(parent, other)
    if found:
        leaf = found[0]
        leaf.attrib.clear()
        for child in list(leaf):
            leaf.remove(child)
        leaf.text = text
        return
    append_leaf(parent, tag, prefix, text)


def append_leaf(parent: _Element, tag: str, prefix: str, text: str) -> None:
    """Give a parent one more child with a text; see ``set_leaf``."""
    leaf = etree.Element(tag, nsmap={prefix: etree.QName(tag).namespace})
    leaf.text = text
    last = parent[-1] if len(parent) else None
    if last is not None:
        # As far to the right as the others, on a line of its own.
        leaf.tail, last.tail = last.tail, parent.text
    parent.append(leaf)
