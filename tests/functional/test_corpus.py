"""The original catalogue: uploaded in order, each current entry comes back verifying."""

from __future__ import annotations

import json

from lxml import etree

from validators import accept


def test_the_whole_catalogue_comes_back_from_the_list(legacy_server, originals):
    manifest = json.loads((originals / "corpus" / "manifest.json").read_text())
    manifest.sort(key=lambda document: document["upload_order"])
    with legacy_server.client() as http:
        for document in manifest:
            data = (originals / "corpus" / document["file"]).read_bytes()
            answer = http.post("/metadata", content=data, headers={"Content-Type": "application/rdf+xml"})
            assert answer.status_code == 201, (document["file"], answer.text)
            path = f"/metadata/{document['identifier']}/{document['email']}/{document['created']}"
            assert answer.headers["Location"].endswith(path)
            assert http.get(path).content == data
        listed = etree.fromstring(http.get("/metadata?status=all").content)
        cut_out = [accept(etree.tostring(child, encoding="UTF-8", with_tail=False)) for child in listed]
        current = {(d["identifier"], d["email"]): d for d in sorted(manifest, key=lambda d: d["created"])}
        expected = {(d["identifier"], d["email"], d["created"]) for d in current.values()}
        assert {(e.identifier, e.endorser.email, e.coordinates.created_text) for e in cut_out} == expected
        assert len(cut_out) == len(expected)
        for status in ("valid", "expired", "deprecated"):
            counted = http.get(f"/metadata?status={status}&media=json").json()["iTotalRecords"]
            assert counted == len([d for d in current.values() if d["status"] == status]), status
        for location, kinds in (("pdisk", ("pdisk", "mixed")), ("web", ("web", "mixed", "none"))):
            answer = http.get(f"/metadata?status=all&location={location}&media=json")
            expected_count = len([d for d in current.values() if d["location_kind"] in kinds])
            assert answer.json()["iTotalRecords"] == expected_count, location


def test_legacy_entries_are_refused_where_the_site_does_not_take_them(server, originals):
    data = next((originals / "corpus").glob("*.xml")).read_bytes()
    with server.client() as http:
        headers = {"Content-Type": "text/xml", "Accept": "application/problem+json"}
        answer = http.post("/metadata", content=data, headers=headers)
        assert answer.status_code == 400 and answer.json()["code"].startswith("gate.")
