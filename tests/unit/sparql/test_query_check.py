"""Which queries are let through, also seen with the engine's own eyes."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyoxigraph import Literal, NamedNode, Quad, QuerySolutions, Store

from marketplace.sparql.errors import (
    QueryMalformedError,
    QueryNotAllowedError,
    QueryRefusedError,
    QueryTooLargeError,
)
from marketplace.sparql.query_check import MAX_DEPTH, MAX_TEXT, check_query

PROLOGUE = "PREFIX : <http://g.example/> PREFIX ex: <http://g.example/> PREFIX graph: <http://a.example/>\n"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM <http://g.example/x> {?s ?p ?o}",
        "select * from named <http://g.example/x> {?s ?p ?o}",
        "SELECT*FROM<http://g.example/x>{?s ?p ?o}",
        "SELECT * FROM:x {?s ?p ?o}",
        "SELECT * FROMex:x WHERE {?s ?p ?o}",
        "SELECT * {GrApH ?g {?s ?p ?o}}",
        "SELECT * {GRAPH#comment\n?g {?s ?p ?o}}",
        "SELECT * {GRAPH:x{?s ?p ?o}}",
        "SELECT * {GRAPHex:x#comment\n{?s ?p ?o}}",
        "SELECT * {?s ?p trueGRAPH?g{?a ?b ?c}}",
        "SELECT * {SERVICE <http://127.0.0.1/> {?s ?p ?o}}",
        "SELECT * {SERVICE SILENT <http://127.0.0.1/> {?s ?p ?o}}",
        "SELECT * {SERVICESILENTex:x{?s ?p ?o}}",
        r"SELECT * {\u0047RAPH ?g {?s ?p ?o}}",
        r"SELECT * {\U00000053ERVICE <http://127.0.0.1/> {?s ?p ?o}}",
        "INSERT DATA {<http://a.example/s> <http://a.example/p> 1}",
        "DELETE WHERE {?s ?p ?o}",
        "CLEAR ALL",
        "DROP DEFAULT",
        "LOAD <file:///etc/passwd>",
        "PREFIX ex: <http://g.example/> COPY DEFAULT TO ex:x",
        "CONSTRUCT WHERE {?s ?p ?o}",
        "DESCRIBE <http://a.example/s>",
    ],
)
def test_what_reaches_outside_or_is_no_select_is_refused(text: str) -> None:
    with pytest.raises(QueryNotAllowedError, match=r"^query not allowed\.$"):
        check_query(text)


@pytest.mark.parametrize(
    "text",
    [
        'SELECT * {?s ?p "graph"}',
        "SELECT * {?s ?p 'FROM x'@from}",
        "SELECT ?from ?graph {?from ?graph $service}",
        "SELECT * # FROM here\n{?s ?p ?o}",
        "SELECT * {?s graph:x ?o . ?o from:y service:z}",
        "PREFIX graph: <http://a.example/> SELECT * {?s a graph:x}",
        "SELECT * {?s <http://example.org/service/graph> ?o}",
        "SELECT * {_:graph ?p 'insert'}",
        "SELECT * {?s ?p ?o FILTER(?o < 5 && ?o > 3)}",
        "SELECT * {?s ?p '''it's a \"graph\" from a service'''}",
        "SELECT * {?s ?p ?o OPTIONAL {?s ex:delete ?x} FILTER EXISTS {?s a ex:Graph}}",
        "SELECT (COUNT(*) AS ?n) {?s ?p ?o} GROUP BY ?s HAVING (?n > 1) ORDER BY DESC(?n) LIMIT 5 OFFSET 5",
        r'SELECT * {?s ?p "\u0047raph"}',
        "BASE <http://mp.stratuslab.eu/> SELECT * {<#ABC/a@example.org/2020-01-01T00:00:00Z> ?p ?o}",
        "not sparql at all",
    ],
)
def test_innocent_queries_pass(text: str) -> None:
    check_query(text)


def test_size_is_counted_in_bytes() -> None:
    check_query("SELECT * {} #".ljust(MAX_TEXT))
    with pytest.raises(QueryTooLargeError, match="at most 65536"):
        check_query("SELECT * {} #".ljust(MAX_TEXT - 1) + "é")


@pytest.mark.parametrize("bracket", ["{", "(", "["])
def test_nesting_is_bounded(bracket: str) -> None:
    check_query("SELECT * " + bracket * MAX_DEPTH)
    with pytest.raises(QueryTooLargeError, match="nested deeper than 64"):
        check_query("SELECT * " + bracket * (MAX_DEPTH + 1))


def test_half_a_surrogate_pair_is_malformed() -> None:
    with pytest.raises(QueryMalformedError, match="character 10"):
        check_query("SELECT * \ud800")


#: Pieces that trick a tokenizer; the engine sees a keyword in some of their combinations.
FRAGMENTS = st.sampled_from(
    [
        *(
            "GRAPH",
            "GRAPH?g",
            "GRAPH:x",
            "GRAPHex:x",
            "FROM:x",
            "FROM<http://g.example/x>",
            "graph:x",
            "ex:x",
        ),
        *("?g", "?a", "?s ?p ?o", "{?s ?p ?o}", "{", "}", "(", ")", ".", "<", ">", "<'>", "<#>", "<?b#>"),
        *("'", "'''", '"', '"""', "#", "\n", "\\x", "\\uD800", "\\u0027", "\\'", " ", "true", "1", "-5"),
        *("FILTER(?o<", "VALUES ?x {", "WHERE", "AS ?z", "''", "'a'", "UNION", "OPTIONAL", "EXISTS", "@en"),
    ]
)


@pytest.fixture(scope="module")
def secret() -> Store:
    store = Store()
    known, graph = NamedNode("http://a.example/s"), NamedNode("http://g.example/x")
    store.add(Quad(known, NamedNode("http://a.example/p"), Literal("public")))
    store.add(Quad(known, NamedNode("http://a.example/p"), Literal("secret"), graph))
    return store


@settings(max_examples=400)
@given(st.lists(FRAGMENTS, max_size=12), st.lists(FRAGMENTS, max_size=3))
@example(["?s ?p ?o", "FILTER(?o<", "?b#>", "'''", "\n", ")", "GRAPH?g", "{?s ?p ?o}", "#", "'''", "\n"], [])
@example(["VALUES ?x {", "'''", "'", "#", "\\x", "\n", "}", "GRAPH?g", "{?s ?p ?o}", "#", "'''", "\n"], [])
@example([], ["FROM:x"])
def test_the_engine_reads_no_named_graph_in_a_query_that_passes(
    secret: Store, body: list[str], head: list[str]
) -> None:
    text = PROLOGUE + "SELECT * " + "".join(head) + "{" + "".join(body) + "}"
    try:
        check_query(text)
        results = secret.query(text)
    except (QueryRefusedError, SyntaxError, RuntimeError, ValueError):
        return
    assert isinstance(results, QuerySolutions)
    assert "secret" not in str([str(row) for row in results])
