"""ResourceSync, by the client resync as it is installed: baseline, audit and incremental."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from lxml import etree

from tests.dialects.clients import run
from tests.dialects.conftest import Lab, entry
from tests.functional.catalogue import upload
from tests.functional.running import AUTHORITIES
from validators import accept

PLACE = "http://images.example.org"
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
RS = "{http://www.openarchives.org/rs/terms/}"


def sync(lab: Lab, folder: Path, *arguments: str) -> str:
    """Run the client over what is below ``/metadata``; returns what it tells."""
    # With --hash the client fails on every list of changes: it looks for the hashes of another kind of list.
    hashes = () if "--incremental" in arguments else ("--hash", "sha-256")
    done = run(
        "resync-sync", *arguments, *hashes, "--verbose", "--tries", "1",
        f"{lab.server.url}/metadata", "entries", folder=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return " ".join((done.stdout + done.stderr).split())


def copied(folder: Path) -> dict[str, str]:
    """The entries that the client has, by their ids."""
    files = (one for one in (folder / "entries").rglob("*") if one.is_file())
    return {accept(one.read_bytes()).entry_id: str(one) for one in files}


def test_the_client_copies_and_follows_a_view(lab: Lab, tmp_path: Path) -> None:
    lists = f"{lab.url}/resourcesync"
    shown = {lab.entries[name].entry_id for name in ("debian", "ubuntu", "bare", "elsewhere")}
    source = ("--capabilitylist", f"{lists}/capabilitylist.xml")
    sync(lab, tmp_path, "--baseline", *source)
    assert copied(tmp_path).keys() == shown
    assert "Status: IN SYNC" in sync(lab, tmp_path, "--audit", *source)
    newer, other = entry("bare", PLACE, minutes=30, checksums=()), entry("new", PLACE)
    with lab.server.client() as http:
        upload(http, newer)
        upload(http, other)
    assert "Status: NOT IN SYNC" in sync(lab, tmp_path, "--audit", *source)
    changes = ("--changelist-uri", f"{lists}/changelist.xml")
    sync(lab, tmp_path, "--incremental", "--delete", *changes)
    now = (shown - {lab.entries["bare"].entry_id}) | {accept(one).entry_id for one in (newer, other)}
    assert copied(tmp_path).keys() == now
    assert "Status: IN SYNC" in sync(lab, tmp_path, "--audit", *source)
    # A copy that somebody altered is found, and mended. By its length: the client compares no hashes of
    # lists like ours, and its times are whole seconds.
    file = Path(copied(tmp_path)[accept(other).entry_id])
    file.write_bytes(file.read_bytes() + b" ")
    assert "to update=1" in sync(lab, tmp_path, "--audit", *source)
    sync(lab, tmp_path, "--baseline", *source)
    assert copied(tmp_path).keys() == now


def test_who_knows_the_site_alone_finds_the_lists(lab: Lab, tmp_path: Path) -> None:
    sync(lab, tmp_path, "--baseline")
    assert lab.entries["debian"].entry_id in copied(tmp_path)
    found = httpx.get(f"{lab.server.url}/.well-known/resourcesync", verify=AUTHORITIES)
    assert found.content == lab.get("resourcesync/description.xml").content


def test_the_lists_lead_to_each_other_and_to_the_entries(lab: Lab) -> None:
    seen: set[str] = set()
    waiting = [f"{lab.server.url}/.well-known/resourcesync"]
    while waiting:
        url = waiting.pop()
        seen.add(url)
        answer = httpx.get(url, verify=AUTHORITIES)
        assert answer.status_code == 200, url
        if answer.headers["content-type"].startswith("application/xml"):
            tree = etree.fromstring(answer.content)
            gone = {"deleted"}
            for one in tree.iter(f"{SITEMAP}url"):
                md, place = one.find(f"{RS}md"), one.findtext(f"{SITEMAP}loc") or ""
                if md is not None and md.get("change") not in gone and place not in seen:
                    waiting.append(place)
    assert f"{lab.url}/resourcesync/changelist.xml" in seen
    assert any("/metadata/" in one for one in seen)


@pytest.mark.parametrize("path", ["", "resourcelist_00001.xml", "resourcelist_00000.xml", "x.xml"])
def test_there_is_nothing_beside_them(lab: Lab, path: str) -> None:
    assert lab.get(f"resourcesync/{path}").status_code == 404
