"""Step 1, the tree: lxml with everything off that reaches outside, checked against what the prescan saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from validators.errors import AmbiguousParseError, CommentInValueError, NotWellFormedError
from validators.prescan import SEPARATOR, verify_prescan
from validators.treeparser import get_parser
from validators.vocabulary import (
    BARE_PARSE_TYPE,
    CONTAINERS,
    DSIG,
    PARSE_TYPE,
    namespace_of,
    prefixed,
)

if TYPE_CHECKING:
    from lxml.etree import _Element


def parse_document(data: bytes) -> _Element:
    """Parse the bytes of an entry from outside.

    Args:
        data: anything.

    Raises:
        ParseStepError: the subclass names the rule (FORMAT, step 1).
    """
    return parse_nodes(data)[0]


def parse_nodes(data: bytes) -> list[_Element]:
    """Parse the bytes of an entry from outside, and return all nodes of the tree.

    While a caller keeps the list, lxml does not make the Python object of a node again at each access.

    Args:
        data: anything.

    Returns:
        the elements, comments and processing instructions in document order, the root first.

    Raises:
        ParseStepError: the subclass names the rule (FORMAT, step 1).
    """
    names = verify_prescan(data)
    root = parse_trusted(data)
    nodes = list(root.iter())
    try:
        # One comparison for all. No document has a NUL.
        alike = "\0".join([node.tag for node in nodes]) == "{" + "\0{".join(names)
    except TypeError:  # the tag of a comment or a processing instruction is no name
        alike = False
    if not alike:
        _compare(nodes, names)
    return nodes


def _compare(nodes: list[_Element], names: list[str]) -> None:
    """Compare name by name, also in documents with comments or with names in no namespace."""
    read = [node.tag for node in nodes if isinstance(node.tag, str)]
    if read != ["{" + name if SEPARATOR in name else name for name in names]:
        raise AmbiguousParseError(
            "document", f"{len(read)} elements", f"the {len(names)} elements seen before"
        )
    if len(read) < len(nodes):
        _verify_remarks(nodes[0])


def parse_trusted(data: bytes) -> _Element:
    """Parse bytes that went through the prescan, or that canonicalisation wrote.

    Raises:
        NotWellFormedError: libxml2 refuses the bytes.
    """
    try:
        return etree.fromstring(data, get_parser(len(data)))
    except etree.XMLSyntaxError as error:
        raise NotWellFormedError("document", str(error.msg), "well-formed XML with namespaces") from None


def _verify_remarks(root: _Element) -> None:
    """Refuse comments and processing instructions in the signature and in values.

    Tools disagree on what the text of an element is when a comment splits it, so
    an e-mail address with a comment inside could be two different ones.
    """
    # To find a child element behind many comments takes as many steps: each parent is judged once, for
    # all of its comments.
    judged: set[_Element] = set()
    for remark in root.iter(etree.Comment, etree.PI):
        parent = remark.getparent()
        if parent is not None and parent not in judged:
            _verify_remark(remark, parent)
            judged.add(parent)


def _verify_remark(remark: _Element, parent: _Element) -> None:
    ancestors = [parent, *parent.iterancestors()]
    in_signature = any(namespace_of(str(ancestor.tag)) == DSIG for ancestor in ancestors)
    if in_signature or _contains_value(parent, ancestors):
        kind = "a comment" if isinstance(remark, etree._Comment) else "a processing instruction"
        where = "no comments or processing instructions in the signature and in values"
        raise CommentInValueError(prefixed(str(parent.tag)), kind, where)


def _contains_value(element: _Element, ancestors: list[_Element]) -> bool:
    if element.tag in CONTAINERS or "Literal" in map(_parse_type, ancestors):
        return False
    return _parse_type(element) is None and element.find("*") is None


def _parse_type(element: _Element) -> str | None:
    return element.get(PARSE_TYPE) or element.get(BARE_PARSE_TYPE)
