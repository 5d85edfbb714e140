"""The lxml parser of a thread: hardened, and made to forget.

lxml keeps one dictionary of names a thread, which every document adds to and which
is freed only when the thread ends. A server's threads do not end, so anybody could
fill its memory with documents of names that were never used before, a megabyte for
each refused upload. After some bytes the parser and the dictionary are replaced.
"""

from __future__ import annotations

import ctypes
import threading
from typing import TYPE_CHECKING, Any, Final

from lxml import etree

if TYPE_CHECKING:
    from lxml.etree import XMLParser

#: Bytes of XML that one dictionary may see. Names take about as much memory as they take in the document.
FORGET_AFTER: Final = 1_048_576

# The dictionary belongs to an object that lxml keeps in the interpreter's state of the thread, under
# this key. Documents that still use the dictionary hold references of their own.
_CONTEXT: Final = "_ParserDictionaryContext"
_thread_state_address: Final = ctypes.pythonapi.PyThreadState_GetDict
# A borrowed reference: as py_object ctypes would give back a reference that it never had.
_thread_state_address.restype = ctypes.c_void_p
_thread_state_address.argtypes = ()


def _make_parser() -> XMLParser:
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        recover=False,
        collect_ids=False,
    )


class _Parsers(threading.local):
    """One parser a thread: lxml serialises threads that share one."""

    def __init__(self) -> None:
        self.parser = _make_parser()
        self.seen = 0


_parsers = _Parsers()


def get_parser(size: int) -> XMLParser:
    """This thread's parser, for one document.

    Args:
        size: bytes of the document.
    """
    _parsers.seen += size
    if _parsers.seen > FORGET_AFTER:
        forget()
    return _parsers.parser


def forget() -> None:
    """Replace this thread's parser and the dictionary of names behind it."""
    thread_state: dict[str, Any] = ctypes.cast(_thread_state_address(), ctypes.py_object).value
    thread_state.pop(_CONTEXT, None)
    # The next context takes over the dictionary of the first parser that it meets, so that must be a new one.
    _parsers.parser = _make_parser()
    etree.fromstring(b"<_/>", _parsers.parser)
    _parsers.seen = 0
