"""DCAT, read by rdflib and held against shapes by pyshacl, as they are installed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from marketplace.views.dialects.dcat import DCAT
from tests.dialects.clients import VENV, run
from tests.dialects.made import SITE, view_of
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from validators import accept

SHA256 = "ab" * 32
ODD = (
    "https://host.example/a[1]",
    "https://host.example/%zz",
    "https://user:secret@host.example/x",
    "javascript:alert(1)",
    "https://host.example/fine.qcow2",
)
#: Texts with what the spellings write in other words.
TRAPS = "quote \" backslash \\ <b>&amp; 'x' ]]> \n line ☃ {}@prefix ^^xsd"
DOCUMENTS = (
    signed(
        image(
            content="a", title='Debian "12" <b> ☃', tags=("lts", "lts"), checksums=(("SHA-256", SHA256),),
            locations=("https://images.example.org/a.qcow2", "https://mirror.example.org/a.qcow2"),
            extra='<dcterms:license rdf:resource="https://spdx.org/licenses/GPL-2.0-only"/>',
        ),
        make_identity(email="alice@example.org"),
    ),
    signed(
        image(content="b", title=None, description=escape(TRAPS), locations=ODD),
        make_identity(email="b+c@x.org"),
    ),
    signed(image(content="c", compression="xz", locations=(), extra="<dcterms:rights>ask</dcterms:rights>")),
)  # fmt: skip
#: What a portal asks of a catalogue, a data set and a file.
SHAPES = (Path(__file__).parent / "dcat_shapes.ttl").read_text(encoding="utf-8")
COMPARE = """
import json, sys
from rdflib import Graph
from rdflib.compare import isomorphic
graphs = [Graph().parse(file, format=kind) for file, kind in
          (("dcat.ttl", "turtle"), ("dcat.rdf", "xml"), ("dcat.jsonld", "json-ld"))]
assert len(graphs[0]) > 30
assert all(isomorphic(graphs[0], one) for one in graphs[1:]), [len(one) for one in graphs]
found = graphs[0].query('''
  PREFIX dcat: <http://www.w3.org/ns/dcat#> PREFIX dct: <http://purl.org/dc/terms/>
  PREFIX spdx: <http://spdx.org/rdf/terms#>
  SELECT ?id ?entry ?url ?sum WHERE {
    ?set dct:identifier ?id ; dct:isReferencedBy ?proof ; dcat:distribution ?file .
    ?proof dct:identifier ?entry . ?file dcat:downloadURL ?url .
    OPTIONAL { ?file spdx:checksum ?c .
      ?c spdx:algorithm spdx:checksumAlgorithm_sha256 ; spdx:checksumValue ?sum } }
  ORDER BY ?url''')
print(json.dumps([[None if part is None else str(part) for part in row] for row in found]))
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dcat")
    view = view_of(*DOCUMENTS)
    for document in DCAT.documents(view):
        (folder / document.path).write_bytes(DCAT.write(view, document.path))
    (folder / "shapes.ttl").write_text(SHAPES)
    (folder / "compare.py").write_text(COMPARE)
    return folder


def test_the_three_spellings_are_one_graph_that_leads_to_the_proof(written):
    told = run(str(VENV / "bin" / "python"), "compare.py", folder=written)
    assert told.returncode == 0, told.stderr
    debian, odd = (accept(one) for one in DOCUMENTS[:2])
    assert json.loads(told.stdout) == [
        [odd.identifier, odd.entry_id, "https://host.example/fine.qcow2", None],
        [debian.identifier, debian.entry_id, "https://images.example.org/a.qcow2", SHA256],
        [debian.identifier, debian.entry_id, "https://mirror.example.org/a.qcow2", SHA256],
    ]
    assert "secret" not in (written / "dcat.ttl").read_text()


def test_the_graph_has_what_portals_ask_for(written):
    told = run("pyshacl", "-s", "shapes.ttl", "dcat.ttl", folder=written)
    assert told.returncode == 0, told.stdout + told.stderr


def test_a_shape_that_does_not_hold_is_noticed(written):
    (written / "other.ttl").write_text(SHAPES.replace("sh:minCount 3", "sh:minCount 4"))
    assert run("pyshacl", "-s", "other.ttl", "dcat.ttl", folder=written).returncode == 1


def test_the_same_view_is_the_same_bytes(written):
    view = view_of(*reversed(DOCUMENTS))
    for document in DCAT.documents(view):
        assert DCAT.write(view, document.path) == (written / document.path).read_bytes()
    assert DCAT.left_out(view) == {}
    assert f"{SITE}/metadata/" in (written / "dcat.rdf").read_text()


def test_a_copy_leads_to_locations_that_rdf_takes(written):
    folder = written / "copied"
    folder.mkdir()
    (folder / "compare.py").write_text(COMPARE)
    view = replace(view_of(*DOCUMENTS), base="https://copy.example", copied=True)
    for document in DCAT.documents(view):
        (folder / document.path).write_bytes(DCAT.write(view, document.path))
    told = run(str(VENV / "bin" / "python"), "compare.py", folder=folder)
    assert told.returncode == 0, told.stderr
    assert "accessURL <https://host.example/fine.qcow2>" in (folder / "dcat.ttl").read_text()
