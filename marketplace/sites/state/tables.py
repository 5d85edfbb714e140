"""The tables of a site's state, an SQLite file."""

from __future__ import annotations

#: Of the tables below; a file with another one is of another version of this program.
VERSION = 1

TABLES = """
-- What is known of each marketplace's log.
CREATE TABLE marketplace (
    url TEXT PRIMARY KEY,
    cursor INTEGER NOT NULL,          -- rows of its change list that were read
    note TEXT,                        -- newest checkpoint, with a key
    reached BLOB,                     -- frontier behind the rows read, with a key
    heard REAL NOT NULL,              -- wall clock of the last answer that proved progress or sameness
    changed REAL NOT NULL,            -- wall clock of the last look that brought rows
    fault TEXT,                       -- how it contradicts what it said before; stays until it no longer does
    groups TEXT NOT NULL DEFAULT '[]' -- JSON: name of each group whose log is read, and rows read of it
);
-- Evidence: signed entries, each proven when it came.
CREATE TABLE statement (
    entry_id TEXT PRIMARY KEY,
    identifier TEXT NOT NULL,
    email TEXT NOT NULL,
    created TEXT NOT NULL,
    scope TEXT NOT NULL,              -- groups that keep it, with commas; empty for a public one
    source TEXT NOT NULL,             -- marketplace that showed it first
    seen REAL NOT NULL,
    data BLOB NOT NULL
);
CREATE INDEX statement__identifier ON statement (identifier, email, created);
-- What each subscription asks for now, in its order.
CREATE TABLE wish (
    subscription TEXT NOT NULL,
    source TEXT NOT NULL,
    identifier TEXT NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (subscription, source, identifier)
);
-- When each subscription was asked for at each marketplace, and with which question.
CREATE TABLE asked (
    subscription TEXT NOT NULL,
    source TEXT NOT NULL,
    question TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (subscription, source)
);
-- Of which images each marketplace was asked for everything that it said before it was followed.
CREATE TABLE covered (source TEXT NOT NULL, identifier TEXT NOT NULL, PRIMARY KEY (source, identifier));
-- Where the bytes are.
CREATE TABLE copy (
    digest TEXT NOT NULL,             -- sha512:HEX, or what is the strongest that was endorsed
    store TEXT NOT NULL,
    identifier TEXT NOT NULL,
    entry_id TEXT NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL,         -- part of the name in the store
    external TEXT,                    -- that name
    size INTEGER NOT NULL,
    format TEXT,                      -- found in the bytes
    virtual_size INTEGER,             -- found in the bytes
    measured_by TEXT,                 -- site or store
    reason TEXT NOT NULL,
    changed REAL NOT NULL,
    failures INTEGER NOT NULL,
    next_at REAL,                     -- of the next attempt; NULL: given up until something new is said
    PRIMARY KEY (digest, store)
);
-- What people at the site said about an image; the newest that has not ended counts.
CREATE TABLE word (
    id INTEGER PRIMARY KEY,
    identifier TEXT NOT NULL,
    kind TEXT NOT NULL,               -- import, withdraw, hold, release
    reason TEXT NOT NULL,
    author TEXT NOT NULL,
    since REAL NOT NULL,
    until REAL
);
-- Events that hooks have to be told of, in order.
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    digest TEXT NOT NULL,
    hook TEXT NOT NULL,
    environment TEXT NOT NULL,        -- JSON
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at REAL NOT NULL,
    done REAL
);
CREATE INDEX event__due ON event (done, id);
-- Signed receipts that marketplaces were not sent yet, in order.
CREATE TABLE receipt (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL,                -- the marketplace that is owed it
    at REAL NOT NULL,
    data BLOB NOT NULL
);
CREATE INDEX receipt__url ON receipt (url, id);
-- What happened. Only added to.
CREATE TABLE history (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    identifier TEXT,
    store TEXT,
    what TEXT NOT NULL,
    why TEXT NOT NULL
);
CREATE INDEX history__identifier ON history (identifier, id);
-- Revocation lists that were in force: a file that vanishes takes nothing back.
CREATE TABLE revocation_list (
    path TEXT NOT NULL, digest TEXT NOT NULL, der BLOB NOT NULL, PRIMARY KEY (path, digest)
);
"""
