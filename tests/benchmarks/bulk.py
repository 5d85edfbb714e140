"""Fills a database with many plausible entries at once. For benchmarks only.

The rows are inserted directly: nothing is signed, nothing is accepted, the
bytes are short. What lists, counts and cursors cost depends on the rows alone.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import insert, make_url, update

from marketplace.db import Database
from marketplace.ingest.current_rows import uncontested
from marketplace.ingest.rows import body_row, certificate_row, checksum_rows, current_row, entry_row
from marketplace.models import (
    Base,
    Certificate,
    ChangeRow,
    Current,
    Entry,
    EntryBody,
    EntryChecksum,
    EntryLocation,
    EntryTag,
    Log,
)
from marketplace.rules.columns import tag_digest
from tests.factories.entries import accepted, moment, signer
from validators.document import AcceptedEntry

CHUNK = 2000
#: Tables that copies have rows in, with what numbers the rows of the entries that are copied from 1 on.
_COPIED = {
    "entry": "id",
    "entry_body": "id",
    "change": "sequence + 1",
    "current": "id",
    "entry_tag": "entry_key",
}
#: Options of a PostgreSQL server that is filled: nothing of a server that dies meanwhile is wanted.
LOADING = (
    "-c synchronous_commit=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0"
    " -c max_wal_size=32GB -c checkpoint_timeout=1h -c autovacuum=off"
    " -c shared_buffers=512MB -c maintenance_work_mem=1GB"
)
_INDEXES = """
    SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL
    AND tbl_name IN ('entry', 'entry_body', 'change', 'current', 'entry_tag')
"""
_POSTGRESQL_INDEXES = """
    SELECT schemaname, indexname, indexdef FROM pg_indexes
    WHERE (schemaname = 'marketplace_search'
      OR tablename IN ('entry', 'entry_body', 'change', 'current', 'entry_tag'))
    AND indexname NOT IN (SELECT conname FROM pg_constraint)
"""
SYSTEMS = ("CentOS", "Ubuntu", "Debian", "ttylinux", "Fedora", "OpenSuSE", "Scientific Linux", "Windows")
PURPOSES = ("web server", "batch worker", "grid site", "desktop", "database", "monitoring", "router")
ADJECTIVES = ("small", "hardened", "experimental", "contextualised", "minimal", "nightly", "certified", "old")
#: The moment the benchmarks ask at: most entries are valid then.
NOW = moment(2_000_000)


def entries(count: int, seed: int = 1) -> Iterator[AcceptedEntry]:
    """``count`` entries by 200 endorsers: one in 20 deprecated, one in 10 expired, one in 12 pdisk only."""
    chance = random.Random(seed)
    by = [signer(f"endorser{n}@site{n % 17}.example.org") for n in range(200)]
    for number in range(count):
        who = int(200 * chance.random() ** 2)
        system, purpose = chance.choice(SYSTEMS), chance.choice(PURPOSES)
        version = f"{chance.randrange(5, 25)}.{chance.randrange(10)}"
        place = "pdisk:cloud.example.org:5000:" if number % 12 == 0 else "http://images.example.org/"
        yield accepted(
            number,
            f"endorser{who}@site{who % 17}.example.org",
            created := moment(chance.randrange(1_900_000)),
            signed_by=by[who],
            title=f"{system} {version} {purpose} {number}",
            description=f"A {chance.choice(ADJECTIVES)} {system} {version} image for a {purpose}, "
            f"built {chance.randrange(10_000)} times, {chance.choice(ADJECTIVES)} and without passwords.",
            os=system,
            os_version=version,
            os_arch=chance.choice(("x86_64", "i686", "aarch64")),
            kind=chance.choice(("machine", "machine", "machine", "disk")),
            format="qcow2",
            version="1.0",
            # Not over before it was made: nobody would take it.
            valid=None if number % 3 else max(created, NOW + timedelta(days=chance.randrange(-60, 200))),
            deprecated="withdrawn" if number % 20 == 0 else None,
            tags=(f"series-{number % 50}",) if number % 4 == 0 else (),
            locations=(f"{place}{system}/{number}.qcow2",),
        )


def fill(
    database: Database, count: int, seed: int = 1, source: Iterator[AcceptedEntry] | None = None
) -> None:
    """Add ``count`` entries, or those of a source, to the public log of an empty, migrated database."""
    source = source or entries(count, seed)
    certificates: dict[str, int] = {}
    done = 0
    while chunk := list(islice(source, CHUNK)):
        with database.write() as session:
            for entry in chunk:
                if entry.signer.fingerprint not in certificates:
                    made = insert(Certificate).values(**certificate_row(entry.signer))
                    key = session.execute(made.returning(Certificate.id)).scalar_one()
                    certificates[entry.signer.fingerprint] = key
            tables = _rows(chunk, done, certificates)
            for table, rows in tables.items():
                if rows:
                    session.execute(insert(table), rows)
            done += len(chunk)
            session.execute(update(Log).where(Log.name == "public").values(next_sequence=done))


def multiply(file: Path, times: int) -> None:
    """Add ``times - 1`` copies of each entry to a database that ``fill`` filled, each copy of another image.

    A hundred times faster than ``fill``, for sizes of a million.

    Args:
        file: an SQLite database that nobody else uses.
        times: at most 11.
    """
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        count = connection.execute("SELECT max(id) FROM entry").fetchone()[0]
        indexes = connection.execute(_INDEXES).fetchall()
        for name, _ in indexes:
            connection.execute(f'DROP INDEX "{name}"')
        for copy in range(1, times):
            for table, number in _COPIED.items():
                names = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
                values = ", ".join(_copied(name, copy, count) for name in names)
                source = f'SELECT {values} FROM "{table}" WHERE {number} <= {count}'  # noqa: S608 # ours
                connection.execute(f'INSERT INTO "{table}" ({", ".join(names)}) {source}')
        connection.execute("UPDATE log SET next_sequence = ? WHERE id = 1", (count * times,))
        for _, statement in indexes:
            connection.execute(statement)
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def multiply_postgresql(url: str, times: int) -> None:
    """The same for a PostgreSQL database that nobody else uses, with the words of its search engine.

    The server should run with the options ``LOADING``.

    Args:
        url: of a superuser.
        times: at most 11.
    """
    with psycopg.connect(make_url(url).set(drivername="postgresql").render_as_string(False)) as connection:
        run = connection.execute
        # No foreign keys are looked up.
        run("SET session_replication_role = replica")
        count = _one(run("SELECT max(id) FROM entry"))
        (words,) = _one_row(run("SELECT tablename FROM pg_tables WHERE schemaname = 'marketplace_search'"))
        indexes = run(_POSTGRESQL_INDEXES).fetchall()
        for schema, name, _ in indexes:
            run(f'DROP INDEX "{schema}"."{name}"')
        for copy in range(1, times):
            for table, number in _COPIED.items():
                names = [column.name for column in Base.metadata.tables[table].columns]
                names = [name for name in names if name != "id" or table != "current"]
                values = ", ".join(_copied(name, copy, count) for name in names)
                source = f'SELECT {values} FROM "{table}" WHERE {number} <= {count}'  # noqa: S608 # ours
                run(f'INSERT INTO "{table}" ({", ".join(names)}) {source}')
            run(
                f"INSERT INTO marketplace_search.{words} (entry_key, words, note)"  # noqa: S608 # ours
                f" SELECT entry_key + {copy * count}, words, note FROM marketplace_search.{words}"
                f" WHERE entry_key BETWEEN 1 AND {count}"
            )
        run("UPDATE log SET next_sequence = %s WHERE id = 1", (count * times,))
        last = _one(run("SELECT entry_id FROM entry WHERE id = %s", (count * times,)))
        note = json.loads(_one(run(f"SELECT note FROM marketplace_search.{words} WHERE entry_key = 0")))  # noqa: S608 - names of this file only
        note[1:3] = count * times, last
        run(f"UPDATE marketplace_search.{words} SET note = %s WHERE entry_key = 0", (json.dumps(note),))  # noqa: S608 - names of this file only
        for _, _, statement in indexes:
            run(statement)
        for table in ("entry", "entry_body"):
            run(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")  # noqa: S608 - names of this file only
        connection.commit()
        connection.autocommit = True
        run("VACUUM ANALYZE")


def _one_row(told: psycopg.Cursor[Any]) -> tuple[Any, ...]:
    (row,) = told.fetchall()
    return tuple(row)


def _one(told: psycopg.Cursor[Any]) -> Any:
    return _one_row(told)[0]


def _copied(column: str, copy: int, count: int) -> str:
    """What a column of a copy holds, in SQL."""
    # No identifier of ``fill`` ends with such a letter.
    image = f"substr(identifier, 1, 26) || '{chr(ord('g') + copy)}'"
    return {
        "id": f"id + {copy * count}",
        "entry_key": f"entry_key + {copy * count}",
        "body_id": f"body_id + {copy * count}",
        "sequence": f"sequence + {copy * count}",
        # What breaks ties is the beginning of the id: it stays.
        "entry_id": f"substr(entry_id, 1, 48) || '{copy:016x}'",
        "statement": f"substr(statement, 1, 48) || '{copy:016x}'",
        "sha256": f"substr(sha256, 1, 48) || '{copy:016x}'",
        "identifier": image,
        "title": f"title || ' {copy}'",
        "search_text": f"replace(search_text, lower(identifier), lower({image})) || ' {copy}'",
    }.get(column, column)


def _rows(chunk: list[AcceptedEntry], done: int, certificates: dict[str, int]) -> dict[type, list[dict]]:
    tables: dict[type, list[dict]] = {
        t: [] for t in (Entry, EntryBody, EntryChecksum, EntryLocation, EntryTag, Current, ChangeRow)
    }
    for sequence, entry in enumerate(chunk, done):
        key = sequence + 1
        row = entry_row(entry)
        tables[Entry].append(row | {"id": key, "certificate_id": certificates[entry.signer.fingerprint]})
        tables[EntryBody].append(body_row(entry, entry.created) | {"id": key, "entry_key": key})
        tables[Current].append(
            current_row(row) | uncontested(entry.signer.key_digest) | {"log_id": 1, "entry_key": key}
        )
        tables[ChangeRow].append(
            {
                "log_id": 1,
                "sequence": sequence,
                "entry_key": key,
                "body_id": key,
                "accepted_at": entry.created,
            }
        )
        for n, uri in enumerate(entry.metadata.locations):
            tables[EntryLocation].append({"entry_key": key, "position": n, "uri": uri})
        for n, tag in enumerate(entry.metadata.tags):
            tables[EntryTag].append({"entry_key": key, "position": n, "digest": tag_digest(tag), "tag": tag})
        tables[EntryChecksum] += checksum_rows(entry, key)
    return tables
