"""Which queries reach the engine: a SELECT or ASK over the one public graph, of bounded size.

The engine has no switch that forbids GRAPH, FROM or SERVICE, and SERVICE makes
it open connections. So the query's tokens are checked here; that the engine is
also given no named graph and no socket (see ``confinement``) is the second line.
"""

from __future__ import annotations

from .errors import QueryMalformedError, QueryNotAllowedError, QueryTooLargeError
from .tokens import QueryToken, TokenKind, tokenize, unescape

#: Longest query, in UTF-8 bytes.
MAX_TEXT = 64 * 1024
#: Deepest nesting of ``{``, ``(`` and ``[``: the engine's parser is recursive.
MAX_DEPTH = 64

#: Words that reach outside the graph. The engine takes ``GRAPHex:g`` for GRAPH and ``ex:g``,
#: so a word that merely holds one counts too; no word that SPARQL has otherwise does.
_OUTSIDE = ("FROM", "GRAPH", "SERVICE")
#: Words that begin an update or another form of query.
_FORMS = frozenset(
    (
        *("ADD", "CLEAR", "CONSTRUCT", "COPY", "CREATE", "DELETE"),
        *("DESCRIBE", "DROP", "INSERT", "LOAD", "MOVE", "USING", "WITH"),
    )
)
_DEPTH = {"{": 1, "(": 1, "[": 1, "}": -1, ")": -1, "]": -1}


def check_query(text: str) -> None:
    """Refuse what the engine must not see.

    A text that is no SPARQL at all may pass: the engine says where it is wrong.

    Raises:
        QueryTooLargeError: the text is too long or nested too deep.
        QueryMalformedError: a character that cannot stand in any query.
        QueryNotAllowedError: an update, another form than SELECT and ASK, or FROM, GRAPH or SERVICE.
    """
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise QueryMalformedError(f"query malformed: character {error.start + 1} is half a pair") from None
    if size > MAX_TEXT:
        raise QueryTooLargeError(f"the query has {size} bytes, at most {MAX_TEXT} are read")
    _check_reading(text)
    if (unescaped := unescape(text)) != text:
        # The specification resolves these escapes before it looks for tokens, the engine only
        # inside strings and IRIs.
        _check_reading(unescaped)


def _check_reading(text: str) -> None:
    depth = 0
    before: QueryToken | None = None
    for token in tokenize(text):
        if token.kind is TokenKind.WORD:
            _check_word(token.text.upper())
        elif token.kind is TokenKind.MARK:
            depth += _DEPTH.get(token.text, 0)
            if depth > MAX_DEPTH:
                raise QueryTooLargeError(f"the query is nested deeper than {MAX_DEPTH} levels")
        if before is not None and _contains_keyword(before) and token.text.upper() in ("{", "WHERE"):
            raise QueryNotAllowedError
        before = token


def _check_word(word: str) -> None:
    if word in _FORMS or any(outside in word for outside in _OUTSIDE):
        raise QueryNotAllowedError


def _contains_keyword(token: QueryToken) -> bool:
    """Whether the engine could read a keyword out of a prefixed name.

    ``graph:g`` is an innocent name until a group follows, ``from:g`` also until WHERE does.
    """
    prefix = token.text.partition(":")[0].upper()
    return token.kind is TokenKind.NAME and any(outside in prefix for outside in _OUTSIDE)
