"""``marketplace extend`` and ``deprecate`` against a real server: the next word of an endorser."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.factories.documents import image, signed
from tests.factories.identities import Identity, make_identity
from tests.functional.running import RunningServer
from tests.functional.test_cli import Command
from validators import accept
from validators.document import AcceptedEntry

KEYS = ("--cert", "cert.pem", "--key", "key.pem")
EXTRA = (
    '<bio:tool xmlns:bio="http://bio.example.org/#" rdf:parseType="Resource"><dcterms:identifier>blast'
    "</dcterms:identifier></bio:tool>"
)


@pytest.fixture
def command(server: RunningServer, tmp_path: Path) -> Command:
    return Command(tmp_path, server.url)


@pytest.fixture
def rita(tmp_path: Path) -> Identity:
    identity = make_identity("Rita Reviser", "rita@example.org")
    (tmp_path / "cert.pem").write_bytes(identity.certificate_pem)
    (tmp_path / "key.pem").write_bytes(identity.key_pem())
    return identity


def put(http: httpx.Client, identity: Identity, content: str, **said: object) -> AcceptedEntry:
    created = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    data = signed(image(content=content, extra=EXTRA, **said), identity, created)
    assert http.post("/metadata", content=data, headers={"Content-Type": "text/xml"}).status_code == 201
    return accept(data)


def current(http: httpx.Client, entry: AcceptedEntry) -> AcceptedEntry:
    rows = http.get(
        "/metadata",
        params={
            "identifier": entry.identifier,
            "email": entry.endorser.email,
            "media": "json",
            "status": "all",
        },
    ).json()["aaData"]
    assert len(rows) == 1
    return accept(http.get(f"/metadata/{entry.identifier}/{entry.endorser.email}/{rows[0][6]}").content)


def name_of(entry: AcceptedEntry) -> str:
    return f"{entry.identifier}/{entry.endorser.email}"


def test_extending_changes_the_date_and_nothing_else(
    command: Command, http: httpx.Client, rita: Identity
) -> None:
    one = put(http, rita, "extended 1", valid="2030-01-01T00:00:00Z", tags=("a", "b"))
    other = put(http, rita, "extended 2")  # never expired before
    done = command("extend", "--until", "2031-12-31", *KEYS, "-o", "id", name_of(one), name_of(other))
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().split() == [current(http, entry).coordinates.path() for entry in (one, other)]
    for before in (one, other):
        after = current(http, before)
        assert after.metadata.valid == datetime(2031, 12, 31, 23, 59, 59, tzinfo=UTC)
        assert after.created > before.created
        # White space behind an extension belongs to the lines around it.
        kept, had = ([replace(one, tail="") for one in said.metadata.extensions] for said in (after, before))
        assert kept == had != []
        assert after.metadata.checksums == before.metadata.checksums
        drop = [term for term in after.metadata.terms if not term.name.endswith("}valid")]
        assert drop == [term for term in before.metadata.terms if not term.name.endswith("}valid")]


def test_deprecating_says_why(command: Command, http: httpx.Client, rita: Identity) -> None:
    entry = put(http, rita, "deprecated", valid="2030-01-01T00:00:00Z")
    reason = "CVE-2026-1 <&> übel"
    done = command("deprecate", "--reason", reason, *KEYS, name_of(entry))
    assert done.returncode == 0, done.stderr
    assert current(http, entry).metadata.deprecated == reason
    again = command("deprecate", "--reason", reason, *KEYS, name_of(entry))
    assert again.returncode == 8 and b"already" in again.stderr
    assert command("deprecate", "--reason", "Another reason", *KEYS, name_of(entry)).returncode == 0
    assert current(http, entry).metadata.deprecated == "Another reason"
    late = command("extend", "--until", "2031-01-01", *KEYS, name_of(entry))
    assert late.returncode == 8 and b"deprecated" in late.stderr


def test_a_dry_run_shows_the_change_and_needs_no_key(
    command: Command, http: httpx.Client, rita: Identity
) -> None:
    entry = put(http, rita, "tried", valid="2030-01-01T00:00:00Z")
    done = command("extend", "--until", "2031-01-01T12:00:00Z", "--dry-run", name_of(entry))
    assert done.returncode == 0, done.stderr
    changed = [
        line
        for line in done.stdout.decode().splitlines()
        if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert [line.strip("+- ") for line in changed] == [
        "<dcterms:valid>2030-01-01T00:00:00Z</dcterms:valid>",
        "<dcterms:valid>2031-01-01T12:00:00Z</dcterms:valid>",
    ]
    added = command("deprecate", "--reason", "old", "--dry-run", name_of(entry)).stdout.decode()
    assert "+    <slterms:deprecated>old</slterms:deprecated>" in added
    assert current(http, entry).entry_id == entry.entry_id


def test_only_the_endorser_can(command: Command, http: httpx.Client, rita: Identity) -> None:
    theirs = put(http, make_identity("Olaf Other", "olaf@example.org"), "not hers")
    done = command("extend", "--until", "2031-01-01", *KEYS, name_of(theirs))
    assert done.returncode == 2 and b"olaf@example.org" in done.stderr
    assert current(http, theirs).entry_id == theirs.entry_id


def test_an_identifier_alone_is_ones_own_entry(command: Command, http: httpx.Client, rita: Identity) -> None:
    own = put(http, rita, "shared", valid="2030-01-01T00:00:00Z")
    theirs = put(http, make_identity("Olaf Other", "olaf@example.org"), "shared")
    done = command("extend", "--until", "2031-01-01", *KEYS, "-o", "id", own.identifier)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().strip() == current(http, own).coordinates.path()
    assert current(http, theirs).entry_id == theirs.entry_id


def test_with_several_the_good_ones_are_done(command: Command, http: httpx.Client, rita: Identity) -> None:
    entry = put(http, rita, "one of several")
    done = command("extend", "--until", "2031-01-01", *KEYS, name_of(entry), "P" * 27, "a/b/c")
    assert done.returncode == 9
    assert b"2 of 3 entries were not extended" in done.stderr
    assert current(http, entry).metadata.valid is not None


@pytest.mark.parametrize("until", ["2020-01-01", "2031-02-30", "tomorrow", "2031-01-01T00:00:00"])
def test_dates_that_are_none_or_past_are_refused(command: Command, rita: Identity, until: str) -> None:
    done = command("extend", "--until", until, *KEYS, "P" * 27)
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1


def test_a_reason_that_xml_cannot_hold_is_refused(
    command: Command, http: httpx.Client, rita: Identity
) -> None:
    entry = put(http, rita, "odd reason")
    assert command("deprecate", "--reason", "a\x01b", *KEYS, name_of(entry)).returncode == 5
    assert command("deprecate", "--reason", "  ", *KEYS, name_of(entry)).returncode == 2


def test_what_lists_name_can_be_revised_as_long_as_it_is_the_present_one(
    command: Command, http: httpx.Client, rita: Identity
) -> None:
    entry = put(http, rita, "named in full")
    path = entry.coordinates.path()
    done = command("deprecate", "--reason", "a hole", *KEYS, "-o", "id", path)
    assert done.returncode == 0, done.stderr
    assert current(http, entry).metadata.deprecated == "a hole"
    late = command("extend", "--until", "2031-12-31", *KEYS, path)
    assert late.returncode == 8
    assert current(http, entry).coordinates.path() in late.stderr.decode()


def test_a_deprecation_names_what_to_use_instead_and_can_be_taken_back(
    command: Command, http: httpx.Client, rita: Identity
) -> None:
    better = put(http, rita, "better", tags=("best",))
    entry = put(http, rita, "replaced", tags=("old",))
    done = command(
        "deprecate", "--reason", "too old", "--replaced-by", "rita@example.org/best", *KEYS, name_of(entry)
    )
    assert done.returncode == 0, done.stderr
    # The change is told beside the result.
    assert b"marketplace: + slterms:deprecated too old\n" in done.stderr
    withdrawn = current(http, entry)
    told = {term.name.rpartition("}")[2]: term.text for term in withdrawn.metadata.terms}
    assert (told["deprecated"], told["isReplacedBy"]) == ("too old", better.identifier)
    itself = command("deprecate", "--reason", "x", "--replaced-by", entry.identifier, *KEYS, name_of(entry))
    assert itself.returncode == 2 and b"by itself" in itself.stderr
    done = command("undeprecate", *KEYS, "-o", "id", name_of(entry))
    assert done.returncode == 0, done.stderr
    again = current(http, entry)
    assert done.stdout.decode().strip() == again.coordinates.path()
    assert again.metadata.deprecated is None and again.created > withdrawn.created
    assert again.metadata.terms == entry.metadata.terms
    twice = command("undeprecate", *KEYS, name_of(entry))
    assert twice.returncode == 8 and b"not deprecated" in twice.stderr
    # What was said stays in the timeline.
    assert http.get(f"/metadata/{withdrawn.coordinates.path()}").status_code == 200


def test_a_tag_moves_to_another_entry_and_goes(command: Command, http: httpx.Client, rita: Identity) -> None:
    old, new = put(http, rita, "tagged 1", tags=("a",)), put(http, rita, "tagged 2", tags=("b",))
    for entry in (old, new):
        done = command("tag", *KEYS, "-o", "id", name_of(entry), "release/lts")
        assert done.returncode == 0, done.stderr
        assert "release/lts" in current(http, entry).metadata.tags
    assert current(http, new).metadata.tags == ("b", "release/lts")
    shown = command("show", "-o", "id", "rita@example.org/release/lts")
    assert shown.stdout.decode().strip() == current(http, new).coordinates.path()
    twice = command("tag", *KEYS, name_of(new), "release/lts")
    assert twice.returncode == 8 and b"already" in twice.stderr
    # Named by the tag itself.
    done = command("tag", "--remove", *KEYS, "rita@example.org/release/lts", "release/lts")
    assert done.returncode == 0, done.stderr
    assert current(http, new).metadata.tags == ("b",)
    assert current(http, new).metadata.checksums == new.metadata.checksums
    gone = command("tag", "--remove", *KEYS, name_of(new), "release/lts")
    assert gone.returncode == 8 and b"does not have" in gone.stderr
    shown = command("show", "-o", "id", "rita@example.org/release/lts")
    assert shown.stdout.decode().strip() == current(http, old).coordinates.path()


def test_a_tag_moves_from_an_entry_that_is_ahead(
    command: Command, http: httpx.Client, rita: Identity
) -> None:
    old = put(http, rita, "behind")
    ahead = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=100)
    data = signed(image(content="ahead", tags=("moving",)), rita, ahead)
    assert http.post("/metadata", content=data, headers={"Content-Type": "text/xml"}).status_code == 201
    done = command("tag", *KEYS, name_of(old), "moving")
    assert done.returncode == 0, done.stderr
    shown = command("show", "-o", "id", "rita@example.org/moving")
    assert shown.stdout.decode().strip() == current(http, old).coordinates.path()


def test_a_tag_offers_nothing_that_is_withdrawn(command: Command, http: httpx.Client, rita: Identity) -> None:
    entry = put(http, rita, "withdrawn", deprecated="broken")
    done = command("tag", *KEYS, name_of(entry), "stable")
    assert done.returncode == 8 and b"deprecated" in done.stderr
    assert command("tag", *KEYS, name_of(entry), " ").returncode == 2
    tried = command("tag", "--dry-run", name_of(put(http, rita, "tried tag")), "t")
    assert b"+    <dcterms:alternative>t</dcterms:alternative>" in tried.stdout
