"""Queries in processes that can be killed: what they answer, and what hostile ones cannot do."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from marketplace.db import Database
from marketplace.ingest import IngestService, UploadPolicy
from marketplace.sparql.errors import (
    QueryMalformedError,
    QueryNotAllowedError,
    QueryTimeoutError,
    QueryTooLargeError,
    QueryUnavailableError,
)
from marketplace.sparql.follower import SparqlFollower
from marketplace.sparql.pool import WorkerPool
from marketplace.sparql.service import GENERATIONS, QueryService
from marketplace.sparql.terms import Blank, Iri, Literal
from tests.databases import upgrade
from tests.fixtures_sparql import document, follow
from tests.functional.asking import ENTRIES, LIMITS, PREFIXES, TITLES, values
from tests.waiting import HANGING, wait_for

ENDLESS = "SELECT (COUNT(*) AS ?n) {?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l}"
EXTENSION = (
    '<bio:tool xmlns:bio="http://example.org/bio#" rdf:parseType="Resource">'
    '<dcterms:description xml:lang="en">aligns sequences</dcterms:description></bio:tool>'
)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published store of real entries; read only."""
    base = tmp_path_factory.mktemp("query")
    url = f"sqlite:///{base}/store.sqlite"
    upgrade(url)
    database = Database.open(url)
    ingest = IngestService(database, UploadPolicy(legacy="refuse"))
    for number in range(ENTRIES):
        ingest.submit(document(f"image {number}", title=f"title {number:02}", extra=EXTENSION))
    ingest.submit(document("image 0", created="2024-06-01T12:00:00Z", title="newer 00"))
    follower = SparqlFollower.open(database, base / "sparql")
    follow(database, follower)
    follower.close()
    ingest.close()
    database.close()
    return base / "sparql"


@pytest.fixture(scope="module")
def service(directory: Path) -> Iterator[QueryService]:
    service = QueryService(directory, LIMITS)
    service.start()
    service.select(TITLES)
    yield service
    service.close()


def assert_answers(service: QueryService) -> None:
    """The next query is answered, and promptly: killing a process keeps nobody waiting."""
    started = time.monotonic()
    assert len(service.select(TITLES).rows) == ENTRIES
    assert time.monotonic() - started < HANGING


def test_current_entries_are_tagged_latest(service: QueryService) -> None:
    assert values(service, TITLES, "title") == ["newer 00", *(f"title {n:02}" for n in range(1, ENTRIES))]


def test_superseded_entries_are_there_too(service: QueryService) -> None:
    found = values(service, PREFIXES + 'SELECT ?e {?e dcterms:title "title 00"}', "e")
    assert [entry.endswith("/jane@example.org/2024-05-01T12:00:00Z") for entry in found] == [True]


def test_endorsements_and_extensions_are_found_through_blank_nodes(service: QueryService) -> None:
    query = (
        PREFIXES
        + """SELECT ?said ?part WHERE {
            ?entry dcterms:title "title 01"; bio:tool ?part;
                   slreq:endorsement [ slreq:endorser [ slreq:email "jane@example.org" ] ] .
            ?part dcterms:description ?said
        }"""
    )
    (row,) = service.select(query).rows
    assert row["said"] == Literal("aligns sequences", language="en")
    assert isinstance(row["part"], Blank)


def test_terms_keep_their_kind(service: QueryService) -> None:
    result = service.select('SELECT ?u (<http://example.org/> AS ?i) (1 AS ?n) ("x" AS ?s) ("y"@en AS ?l) {}')
    assert result.variables == ("u", "i", "n", "s", "l")
    assert result.rows == (
        {
            "i": Iri("http://example.org/"),
            "n": Literal("1", datatype="http://www.w3.org/2001/XMLSchema#integer"),
            "s": Literal("x"),
            "l": Literal("y", language="en"),
        },
    )


def test_rows_beyond_the_bound_are_cut_and_it_says_so(service: QueryService) -> None:
    result = service.select("SELECT * {?s ?p ?o}")
    assert (len(result.rows), result.truncated) == (LIMITS.max_rows, True)
    assert not service.select(f"SELECT * {{?s ?p ?o}} LIMIT {LIMITS.max_rows}").truncated


def test_a_result_of_too_many_bytes_is_refused(service: QueryService) -> None:
    query = 'SELECT (REPLACE(REPLACE(REPLACE(?t,".","0123456789"),".",?t),".","xxxxxxxxxx") AS ?x) {?s ?p ?t}'
    with pytest.raises(QueryTooLargeError, match="larger than 1048576 bytes"):
        service.select(query)


@pytest.mark.parametrize(
    "text",
    [
        "INSERT DATA {<http://example.org/> <http://example.org/> 1}",
        "DROP ALL",
        "SELECT * {SERVICE <http://127.0.0.1/> {?s ?p ?o}}",
        "SELECT * FROM <http://example.org/> {?s ?p ?o}",
        "SELECT * {GRAPH ?g {?s ?p ?o}}",
        "DESCRIBE <http://example.org/>",
        "CONSTRUCT {?s ?p ?o} WHERE {?s ?p ?o}",
    ],
)
def test_only_select_over_the_public_graph(service: QueryService, text: str) -> None:
    with pytest.raises(QueryNotAllowedError, match=r"^query not allowed\.$"):
        service.select(text)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("SELECT * {", "line 1, column 11"),
        ("SELECT\n*\nWHERE ?x", "line 3"),
        ("SELECT * {?s ?p ?o} LIMIT -1", "line 1"),
        ("hello", "line 1, column"),
        ("SELECT * {<<<", "line 1"),
        ("SELECT ?x {?x undeclared:name ?y}", "line 1"),
        ("# nothing but a comment", "line 1"),
        ("SELECT * {\x00}", "line 1"),
        ("SELECT * {?s ?p ?o FILTER(<http://example.org/f>(?o))}", "cannot be evaluated"),
        ("SELECT (TRIPLE(<http://a.example/>, <http://b.example/>, 1) AS ?t) {}", "cannot be evaluated"),
    ],
)
def test_malformed_queries_are_told_where(service: QueryService, text: str, where: str) -> None:
    with pytest.raises(QueryMalformedError, match=where) as refused:
        service.select(text)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400


#: Queries that would take for ever, all the memory, or all the stack.
HOSTILE = {
    "join": ENDLESS,
    "ordered join": "SELECT * {?a ?b ?c . ?d ?e ?f . ?g ?h ?i} ORDER BY ?c ?i",
    "distinct join": "SELECT DISTINCT * {?a ?b ?c . ?d ?e ?f . ?g ?h ?i}",
    "aggregated join": "SELECT (GROUP_CONCAT(?c) AS ?x) {?a ?b ?c . ?d ?e ?f . ?g ?h ?i}",
    "path flood": "SELECT (COUNT(*) AS ?n) {?a (<x:a>|!<x:b>)* ?b . ?c (<x:a>|!<x:b>)* ?d . ?e !<x:f>* ?g}",
    "nested paths": "SELECT (COUNT(*) AS ?n) {?a ((!<x:a>)+/(!<x:b>)*)* ?b . ?c ((^!<x:a>|!<x:b>)*)* ?d}",
    "negations": "SELECT * {?s ?p ?o FILTER(" + "!" * 60_000 + "true)}",
    "sums": "SELECT (1" + "+1" * 30_000 + " AS ?x) {}",
    "optionals": "SELECT * {" + "OPTIONAL{?s ?p ?o}" * 3_000 + "}",
    "unions": "SELECT (COUNT(*) AS ?n) {" + "{?a ?b ?c . ?d ?e ?f}UNION" * 2_000 + "{?x ?y ?z}}",
    "variables": "SELECT * {" + " ".join(f"?s{n} ?p{n} ?o{n} ." for n in range(2_500)) + "}",
    "doubling": "SELECT ?x {BIND('ab' AS ?x0)"
    + "".join(f"BIND(CONCAT(?x{n},?x{n}) AS ?x{n + 1})" for n in range(60))
    + "BIND(STRLEN(?x60) AS ?x)}",
    "regular expression": "SELECT * {?s ?p ?o FILTER REGEX(?o, '((((a{1,500}){1,500}){1,500}){1,500})*$')}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_queries_end_at_a_limit_and_the_next_is_answered(service: QueryService, name: str) -> None:
    started = time.monotonic()
    try:
        service.select(HOSTILE[name])
    except (QueryTimeoutError, QueryTooLargeError, QueryMalformedError) as error:
        assert str(error).isprintable()
    assert time.monotonic() - started < LIMITS.seconds + HANGING
    assert_answers(service)


def test_a_query_without_end_is_stopped_with_a_clear_sentence(service: QueryService) -> None:
    with pytest.raises(QueryTimeoutError, match=r"^query took longer than 1\.5 seconds$"):
        service.select(ENDLESS)
    assert_answers(service)


def test_a_query_that_eats_memory_is_stopped_by_its_own_bound(directory: Path) -> None:
    service = QueryService(directory, replace(LIMITS, seconds=30.0, workers=1, memory=256 * 2**20))
    service.start()
    try:
        with pytest.raises(QueryTooLargeError, match="256 MiB"):
            service.select(HOSTILE["ordered join"])
        assert_answers(service)
    finally:
        service.close()


@pytest.mark.parametrize("text", ["SELECT * {" + "{" * 100 + "}" * 100 + "}", "SELECT * {} #" + "x" * 70_000])
def test_huge_and_deep_texts_are_refused_unread(service: QueryService, text: str) -> None:
    with pytest.raises(QueryTooLargeError):
        service.select(text)


def test_others_are_answered_while_one_runs_to_its_limit(service: QueryService) -> None:
    with ThreadPoolExecutor(1) as pool:
        endless = pool.submit(service.select, ENDLESS)
        answered = 0
        while not endless.done():
            assert_answers(service)
            answered += 1
        assert isinstance(endless.exception(), QueryTimeoutError)
    assert answered > 3


def test_more_callers_than_places_are_told_at_once(directory: Path) -> None:
    service = QueryService(directory, replace(LIMITS, workers=1, max_waiting=1, max_wait=0.2, seconds=3.0))
    service.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            outcomes = [pool.submit(service.select, ENDLESS).exception for _ in range(4)]
            errors = [type(outcome()) for outcome in outcomes]
        assert sorted(error.__name__ for error in errors) == ["QueryBusyError"] * 3 + ["QueryTimeoutError"]
        assert_answers(service)
    finally:
        service.close()


def test_a_process_that_died_is_replaced(directory: Path) -> None:
    service = QueryService(directory, LIMITS)
    service.start()
    try:
        for _ in range(2):
            before = service.process_ids()
            for process in before:
                os.kill(process, signal.SIGKILL)
            wait_for(lambda before=before: all(_has_ended(process) for process in before))
            assert_answers(service)
            assert_answers(service)
    finally:
        service.close()


def test_closing_ends_every_process_and_whoever_waits(directory: Path) -> None:
    service = QueryService(directory, replace(LIMITS, seconds=60.0))
    service.start()
    assert not service.process_ids()  # before anybody asked
    with ThreadPoolExecutor(1) as pool:
        for number in (1, 2):
            service.select(TITLES)
            processes = service.process_ids()
            assert len(processes) == number
        waiting = pool.submit(service.select, ENDLESS)
        wait_for(lambda: any(_processor_time(process) > 0.3 for process in processes))
        service.close()
        assert isinstance(waiting.exception(timeout=HANGING), QueryUnavailableError)
    assert not any(Path(f"/proc/{process}").exists() for process in processes)
    with pytest.raises(QueryUnavailableError):
        service.select(TITLES)


def test_processes_end_with_a_parent_that_was_killed_in_the_middle_of_a_query(directory: Path) -> None:
    program = (
        "import sys, threading; from pathlib import Path;"
        "from marketplace.sparql.service import QueryLimits, QueryService;"
        f"service = QueryService(Path(sys.argv[1]), QueryLimits(seconds=60.0)); service.start();"
        f"service.select('SELECT * {{}}'); service.select('SELECT * {{}}');"
        f"threading.Thread(target=service.select, args=({ENDLESS!r},)).start();"
        "print(*service.process_ids(), flush=True)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(directory)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    processes = [int(text) for text in parent.stdout.readline().split()]
    assert len(processes) == 2
    wait_for(lambda: any(_processor_time(process) > 0.3 for process in processes))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: all(_has_ended(process) for process in processes))


def unchecked(directory: Path, text: str) -> dict[str, object]:
    """What a query process makes of a query that nobody looked at before."""
    pool = WorkerPool(directory / GENERATIONS, size=1, max_waiting=0, max_wait=5, memory=LIMITS.memory)
    pool.start()
    request = {"query": text, "max_rows": 10, "max_bytes": 2**20, "seconds": 20.0}
    try:
        return json.loads(pool.ask(json.dumps(request).encode(), 20.0))
    finally:
        pool.close()


def test_a_query_that_gets_past_the_check_finds_no_other_graph(directory: Path) -> None:
    everything = unchecked(directory, "SELECT ?o {GRAPH ?g {?s ?p ?o}}")
    assert (everything["rows"], everything["truncated"]) == ([], False)
    mark = unchecked(directory, "SELECT ?s FROM <urn:x-marketplace:mark> {?s ?p ?o}")
    assert ["uri", "urn:x-marketplace:mark", None, None] not in [row[0] for row in mark["rows"]]
    assert unchecked(directory, "CONSTRUCT {} WHERE {}")["error"] == "query.not-allowed"


def test_a_query_that_gets_past_the_check_connects_nowhere(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        outcome = unchecked(directory, f"SELECT * {{SERVICE <{address}> {{?s ?p ?o}}}}")
        assert "error" in outcome
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.skipif(sys.platform != "linux", reason="confinement needs Linux")
def test_a_confined_process_has_no_files_no_network_and_no_programs(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("readable")
    (tmp_path / "other").write_text("secret")
    program = """
import json, os, socket, subprocess, sys
from pathlib import Path
from marketplace.processes.confinement import confine

def outcome(action):
    try:
        return str(action())
    except Exception as error:  # which one is what is tested
        return type(error).__name__

base = Path(sys.argv[1])
missing = confine([base / "mine"], 256 * 2**20)
print(json.dumps({
    "missing": missing,
    "mine": outcome((base / "mine" / "file").read_text),
    "other": outcome((base / "other").read_text),
    "write": outcome(lambda: (base / "mine" / "file").write_text("x")),
    "socket": outcome(socket.socket),
    "program": outcome(lambda: os.execv("/bin/true", ["true"])),
    "memory": outcome(lambda: len(bytearray(300 * 2**20))),
}))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, check=True, timeout=30
    )
    outcomes = json.loads(done.stdout)
    if missing := outcomes.pop("missing"):
        pytest.skip(f"this kernel cannot take away: {', '.join(missing)}")
    assert outcomes == {
        "mine": "readable",
        "other": "PermissionError",
        "write": "PermissionError",
        "socket": "PermissionError",
        "program": "PermissionError",
        "memory": "MemoryError",
    }


def _has_ended(process: int) -> bool:
    """Whether a process is gone, or dead and only waits to be collected by its parent."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def _processor_time(process: int) -> float:
    """Seconds of processor time a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
