"""A server that watches locations: what it finds stands on pages and in the API."""

from __future__ import annotations

from tests.factories.documents import image, signed
from tests.functional.private_site import GROUP, MEMBER, found_groups, put
from tests.functional.running import running_server
from tests.unit.locations.content import content_server
from tests.waiting import wait_for
from validators import accept


def test_what_is_found_stands_on_the_page_and_in_the_api(tmp_path) -> None:
    settings = {"watch_enabled": "true", "watch_allow_private": "127.0.0.0/8", "watch_pause": "0.05"}
    with content_server() as content, running_server(tmp_path, **settings) as server, server.client() as http:
        content.files["/image"] = b"x" * 5000
        locations = (f"{content.url}/image", f"{content.url}/nowhere", "http://169.254.169.254/latest")
        data = signed(image(content="watched", locations=locations))
        assert http.post("/metadata", content=data, headers={"Content-Type": "text/xml"}).status_code == 201
        path = accept(data).coordinates.path()

        def found() -> list[dict[str, object]]:
            told: list[dict[str, object]] = http.get(f"/api/v1/entries/{path}").json()["reachability"]
            return told

        wait_for(lambda: len(found()) == 3)
        there, nowhere, inside = found()
        assert (there["location"], there["reach"], there["bytes"]) == (locations[0], "there", 5000)
        assert there["good_at"] == there["looked_at"]
        assert (nowhere["reach"], nowhere["good_at"]) == ("answered-otherwise", None)
        assert inside["reach"] == "inside"
        page = http.get(f"/metadata/{path}", headers={"Accept": "text/html"}).text
        assert "available, checked" in page
        assert "the server answers with 404" in page
        assert content.sent <= 1024

        gone = signed(image(content="gone", locations=(f"{content.url}/gone",)))
        never = signed(image(content="never looked at", locations=("pdisk:1",)))
        for document in (gone, never):
            assert (
                http.post("/metadata", content=document, headers={"Content-Type": "text/xml"}).status_code
                == 201
            )

        def listed(value: str) -> list[str]:
            entries = http.get(f"/api/v1/entries?reachable={value}").json()["entries"]
            return [one["identifier"] for one in entries]

        wait_for(lambda: listed("no") == [accept(gone).identifier])
        assert listed("yes") == [accept(data).identifier]
        assert "content found" in http.get("/?reachable=no", headers={"Accept": "text/html"}).text
        tokens = found_groups(server.database_url)
        mary = {"Authorization": f"Bearer {tokens[MEMBER]}"}
        private = signed(image(content="private", locations=(locations[0],)))
        assert put(http, private, tokens[MEMBER], GROUP).status_code == 201

        def shown() -> list[dict[str, object]]:
            where = f"/api/v1/entries/{accept(private).coordinates.path()}"
            told: list[dict[str, object]] = http.get(where, headers=mary).json()["reachability"]
            return told

        wait_for(lambda: [one["reach"] for one in shown()] == ["there"])
        assert listed("yes") == [accept(data).identifier]
        seen = http.get("/api/v1/entries?reachable=yes", headers=mary).json()["entries"]
        assert {one["identifier"] for one in seen} == {accept(data).identifier, accept(private).identifier}
        refused = http.get("/api/v1/search?reachable=maybe")
        assert (refused.status_code, "reachable" in refused.json()["detail"]) == (400, True)


def test_nothing_is_asked_where_nobody_wants_it(tmp_path) -> None:
    with content_server() as content, running_server(tmp_path) as server, server.client() as http:
        data = signed(image(content="not watched", locations=(f"{content.url}/image",)))
        assert http.post("/metadata", content=data, headers={"Content-Type": "text/xml"}).status_code == 201
        told = http.get(f"/api/v1/entries/{accept(data).coordinates.path()}").json()
        assert told["reachability"] == []
        assert content.asked == []
