"""The data of schema.org in the pages of entries, read by rdflib as it is installed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from marketplace.pages.schema_org import data_block, describe
from tests.dialects.clients import VENV, run
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from validators import accept

SITE = "https://mp.example.org/base"
SAFE = "https://images.example.org/a%20b.qcow2"
ODD = (
    SAFE,
    "https://user:secret@host.example/x",
    "https://host.example/x?X-Amz-Signature=0123",
    "javascript:alert(1)",
    "pdisk:host.example:1:x",
)
ENDS = '</script><script>alert(1)</script><!-- <script> ]]> \u2028 \u202e & " \\'
HOSTILE = accept(
    signed(
        image(
            content="hostile", title=ENDS, description=ENDS * 300, os="Debian", os_version="12", version=ENDS,
            publisher=ENDS, tags=tuple(f"tag {n}" for n in range(100)), locations=ODD,
            checksums=(("SHA-256", "ab" * 32),), valid="2030-01-01T00:00:00Z",
        ),
        make_identity(email="alice@example.org"),
    )
)  # fmt: skip
BARE = accept(signed(image(content="bare", title=None, locations=(), checksums=())))
READ = """
import json, socket, sys
from rdflib import Graph
def refuse(*a, **k): raise AssertionError("asked for something outside")
socket.socket.connect = refuse
found = []
for name in ("hostile.jsonld", "bare.jsonld", "image.jsonld"):
    rows = Graph().parse(name, format="json-ld").query('''
      PREFIX s: <https://schema.org/>
      SELECT ?page ?name ?url ?proof WHERE {
        ?page a s:SoftwareApplication ; s:name ?name ; s:subjectOf ?d . ?d s:identifier ?proof .
        OPTIONAL { ?page s:downloadUrl ?url } }''')
    found += [[None if part is None else str(part) for part in row] for row in rows]
print(json.dumps(found))
"""


def test_a_json_ld_reader_finds_the_image_and_its_proof(tmp_path: Path) -> None:
    for name, entry in (("hostile", HOSTILE), ("bare", BARE)):
        (tmp_path / f"{name}.jsonld").write_text(data_block(entry, SITE), encoding="ascii")
    path = f"/images/{HOSTILE.identifier}"
    (tmp_path / "image.jsonld").write_text(data_block(HOSTILE, SITE, path), encoding="ascii")
    (tmp_path / "read.py").write_text(READ)
    told = run(str(VENV / "bin" / "python"), "read.py", folder=tmp_path)
    assert told.returncode == 0, told.stderr
    pages = [f"{SITE}/metadata/{entry.coordinates.path()}" for entry in (HOSTILE, BARE)]
    assert json.loads(told.stdout) == [
        [pages[0], ENDS, SAFE, f"entry:{HOSTILE.entry_id}"],
        [pages[1], BARE.identifier, None, f"entry:{BARE.entry_id}"],
        [SITE + path, ENDS, SAFE, f"entry:{HOSTILE.entry_id}"],
    ]


@pytest.mark.parametrize("entry", [HOSTILE, BARE], ids=["hostile", "bare"])
def test_nothing_in_it_ends_the_element(entry) -> None:
    block = data_block(entry, SITE)
    assert block.isascii() and not re.search("[<>&]", block) and len(block) < 20_000
    assert json.loads(block) == json.loads(json.dumps(describe(entry, SITE)))


def test_addresses_that_let_somebody_in_are_not_told() -> None:
    assert describe(HOSTILE, SITE)["downloadUrl"] == [SAFE]
    assert "secret" not in data_block(HOSTILE, SITE) and "Signature" not in data_block(HOSTILE, SITE)
    assert "downloadUrl" not in describe(BARE, SITE) and "publisher" not in describe(BARE, SITE)


def test_pages_tell_of_what_is_offered_only(lab) -> None:
    with lab.server.client() as http:
        for name, told in (("debian", True), ("withdrawn", False)):
            page = http.get(f"/metadata/{lab.entries[name].coordinates.path()}?media=html").text
            found = re.findall(r'<script type="application/ld\+json">([^<]*)</script>', page)
            assert len(found) == told, name
            image_page = http.get(f"/images/{lab.entries[name].identifier}?media=html").text
            of_image = re.findall(r'<script type="application/ld\+json">([^<]*)</script>', image_page)
            assert len(of_image) == told, name
            if told:
                assert json.loads(found[0])["name"] == "Debian 12 für alle"
                same = {**json.loads(of_image[0]), "@id": None, "url": None}
                assert same == {**json.loads(found[0]), "@id": None, "url": None}
                assert json.loads(of_image[0])["url"].endswith(f"/images/{lab.entries[name].identifier}")
