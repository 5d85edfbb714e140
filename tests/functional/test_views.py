"""Views over HTTP and the command: what they show to whom, and what becomes of it when the site changes."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from marketplace.access import Scope
from marketplace.cli import run
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.access import bearer, found_group, issue_token
from tests.functional.catalogue import upload
from tests.functional.running import RunningServer, running_server
from tests.functional.serving import images_at
from tests.unit.trust.authorities import crl_bytes, root
from tests.waiting import wait_for
from validators import accept
from validators.document import format_time

ROOT = root()
JIM = make_identity("Jim", "jim@example.org", issuer=ROOT)
JANE = make_identity("Jane", "jane@example.org")
MEMBER, OUTSIDER, ADMIN = "mary@astro.example", "oscar@x.example", "root"
NOW = datetime.now(UTC).replace(microsecond=0)


def digest(algorithm: str, content: str) -> str:
    return hashlib.new(algorithm, content.encode()).hexdigest()


def draft(content: str, **fields: object):
    sums = (("SHA-256", digest("sha256", content)), ("SHA-512", digest("sha512", content)))
    return image(**{"content": content, "checksums": sums, "size": len(content), **fields})


def written(content: str, by=JIM, minutes: int = 60, **fields: object) -> bytes:
    return signed(draft(content, **fields), by, created=format_time(NOW - timedelta(minutes=minutes)))


@pytest.fixture(scope="module")
def trust(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trust")
    (folder / "root.pem").write_bytes(ROOT.certificate_pem)
    (folder / "root.r0").write_bytes(
        crl_bytes(ROOT, this_update=NOW - timedelta(days=1), next_update=NOW + timedelta(days=9))
    )
    return folder


CONTENTS = {f"/{name}.qcow2": name.encode() for name in ("debian", "ubuntu")}


@pytest.fixture(scope="module")
def site(tmp_path_factory, trust) -> Iterator[tuple[RunningServer, dict[str, str]]]:
    data = tmp_path_factory.mktemp("views")
    with (
        images_at(CONTENTS) as images,
        running_server(data, trust_anchors=str(trust), trust_reload_interval="1") as running,
        running.client() as http,
    ):
        found_group(running, "astro", MEMBER)
        found_group(running, "bio", OUTSIDER)
        tokens = {
            owner: issue_token(running, owner, scopes)
            for owner, scopes in (
                (MEMBER, [Scope.READ, Scope.UPLOAD]),
                (OUTSIDER, [Scope.READ, Scope.UPLOAD]),
                (ADMIN, [Scope.ADMIN]),
            )
        }
        for data in (
            written("debian", locations=(f"{images}/debian.qcow2",), os="debian", tags=("lts",)),
            written("ubuntu", JANE, locations=(f"{images}/ubuntu.qcow2",), os="ubuntu"),
            written("packed", locations=(f"{images}/packed.qcow2.xz",), compression="xz"),
            written("inside", locations=("pdisk:host.example:1:x",)),
            written("guarded", locations=("https://user:secret@host.example/x", "https://a.example/?sig=x")),
            signed(image(content="weak"), JIM, created=format_time(NOW)),
        ):
            upload(http, data)
        answer = http.post(
            "/metadata?audience=astro",
            content=written("nebula", locations=(f"{images}/nebula.qcow2",), os="secretos"),
            headers={"Content-Type": "application/rdf+xml", **bearer(tokens[MEMBER])},
        )
        assert answer.status_code == 201, answer.text
        yield running, tokens


@pytest.fixture
def http(site) -> Iterator[httpx.Client]:
    with site[0].client() as client:
        yield client


def make(http: httpx.Client, token: str, name: str, **parts: object) -> dict:
    answer = http.post("/api/v1/views", json={"name": name, **parts}, headers=bearer(token))
    assert answer.status_code == 201, answer.text
    return answer.json()


def sums(http: httpx.Client, view: str, token: str | None = None) -> list[str]:
    """The contents that the SHA256SUMS of a view names."""
    answer = http.get(f"/views/{view}/SHA256SUMS", headers={} if token is None else bearer(token))
    assert answer.status_code == 200, answer.text
    known = {digest("sha256", name): name for name in ("debian", "ubuntu", "nebula", "fedora")}
    return sorted(known[line.split()[0]] for line in answer.text.splitlines())


def test_a_document_that_cannot_be_written_is_no_link_and_says_why(http):
    told = http.get("/api/v1/views/default").json()["dialects"]
    page = http.get("/views/default", headers={"Accept": "text/html"}).text
    reasons = {url: reason for one in told for url, reason in one["unavailable"].items()}
    assert any(url.endswith("/hepix/image.list") for url in reasons)
    for url in [url for one in told for url in one["documents"]]:
        status = http.get(url).status_code
        if url in reasons:
            assert status == 503 and reasons[url] in page and f'href="{url}"' not in page
        else:
            assert status == 200 and f'href="{url}"' in page, url


def test_everybody_reads_the_view_that_is_there_from_the_start(http):
    answer = http.get("/views/default/SHA256SUMS")
    assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
    assert sums(http, "default") == ["debian", "ubuntu"]
    # Not there for a machine that follows the list: compressed, nowhere on the web, guarded, no SHA-256.
    assert answer.headers["marketplace-left-out"] == "4"
    told = http.get("/api/v1/views/default").json()
    assert (told["images"], told["policy"], told["changed_at"]) == (6, None, None)
    (of_sums,) = [one for one in told["dialects"] if one["name"] == "sha256sums"]
    assert of_sums["left_out"] == {
        "compressed at its location: the checksum is for the uncompressed image": 1,
        "no SHA-256": 1,
        "no web location": 2,
    }
    maps = http.get("/views/default/terraform.json").json()
    debian = accept(written("debian", tags=("lts",))).identifier
    assert maps["tags"] == {"jim@example.org/lts": debian}
    one = maps["images"][debian]
    assert one["url"].endswith(f"/views/default/images/{debian}/debian.qcow2")
    assert one["sha512"] == digest("sha512", "debian")
    entry = accept(http.get(one["entry_url"], headers={"Accept": "application/xml"}).content)
    assert (entry.entry_id, entry.identifier) == (one["entry_id"], debian)
    assert len({frozenset(one) for one in maps["images"].values()}) == 1
    assert "secret" not in json.dumps(maps)
    assert http.get("/views/default/SHA1SUMS").status_code == 404


def test_a_format_without_a_key_keeps_nothing_else_from_being_read(http):
    answer = http.get("/views/default/hepix/image.list", headers={"Accept": "application/problem+json"})
    assert (answer.status_code, answer.json()["code"]) == (503, "view.dialect")
    assert "views.certificate" in answer.json()["detail"]
    assert http.get("/views/default/terraform.json").status_code == 200


def test_documents_are_asked_for_again_by_their_entity_tag(http):
    first = http.get("/views/default/SHA512SUMS")
    again = http.get("/views/default/SHA512SUMS", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert http.head("/views/default/SHA512SUMS").headers["etag"] == first.headers["etag"]


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("sha256sum")), reason="needs curl, sha256sum")
def test_what_is_downloaded_through_a_view_has_the_sums_of_the_view(http, site, tmp_path):
    url = f"{site[0].url}/views/default"
    subprocess.run(["curl", "-fsSO", f"{url}/SHA256SUMS"], cwd=tmp_path, check=True)
    for line in (tmp_path / "SHA256SUMS").read_text().splitlines():
        path = line.split()[1]
        subprocess.run(
            ["curl", "-fsSL", "--create-dirs", "-o", path, f"{url}/{path}"], cwd=tmp_path, check=True
        )
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done
    assert done.stdout.count(": OK") == 2


def test_images_are_redirects_and_nothing_else(http):
    debian, guarded = (accept(written(one)).identifier for one in ("debian", "guarded"))
    found = http.get(f"/views/default/images/{debian}/debian.qcow2")
    assert (found.status_code, found.content) == (302, b"")
    assert found.headers["location"].endswith("/debian.qcow2")
    assert http.get(f"/views/default/images/{debian}/other.qcow2").status_code == 404
    away = http.get(f"/views/default/images/{guarded}/{guarded}.qcow2")
    assert away.status_code == 503
    assert "secret" not in away.text


def test_a_policy_lets_through_what_the_site_would_start(http, site):
    token = site[1][ADMIN]
    made = make(http, token, "trusted", policy={"checksum": {"least": "sha256"}}, title="Trusted images")
    assert made["url"] == f"{site[0].url}/views/trusted"
    # A certificate that is new here is judged within moments.
    wait_for(lambda: sums(http, "trusted") == ["debian"])
    assert http.get("/api/v1/views/trusted").json()["images"] == 4
    only = {"endorsers": {"allow": ["nobody@example.org"]}}
    make(http, token, "impossible", policy=only)
    assert sums(http, "impossible") == []
    make(http, token, "narrow", search="os=debian&tag=lts&endorser=jim@example.org", policy={})
    assert sums(http, "narrow") == ["debian"]
    make(http, token, "hosts", policy={"hosts": {"deny": ["127.0.0.1"]}})
    assert sums(http, "hosts") == []
    listed = [one["name"] for one in http.get("/api/v1/views").json()["views"]]
    assert listed == ["default", "hosts", "impossible", "narrow", "trusted"]


def test_a_view_follows_the_log_and_the_verdicts(http, site, trust):
    make(http, site[1][ADMIN], "followed", search="os=fedora", policy={})
    kate = make_identity("Kate", "kate@example.org", issuer=ROOT)
    where = ("https://images.example.org/fedora.qcow2",)
    upload(http, written("fedora", kate, os="fedora", locations=where))
    wait_for(lambda: sums(http, "followed") == ["fedora"])
    before = http.get("/views/followed/SHA256SUMS")
    upload(http, written("fedora", kate, 30, os="fedora", locations=where, deprecated="backdoor"))
    assert http.get("/views/followed/SHA256SUMS").text == ""
    upload(http, written("fedora", kate, 20, os="fedora", locations=where))
    assert http.get("/views/followed/SHA256SUMS").headers["etag"] == before.headers["etag"]
    listed = http.get("/views/followed/oai-pmh?verb=ListIdentifiers&metadataPrefix=oai_dc").text
    assert (listed.count("<header"), listed.count('status="deleted"')) == (3, 2)
    before_revocation = re.findall("<responseDate>(.*?)</responseDate>", listed)[0]
    revoking = crl_bytes(ROOT, kate, this_update=NOW, next_update=NOW + timedelta(days=9))
    (trust / "root.r0").write_bytes(revoking)
    wait_for(lambda: http.get("/views/followed/SHA256SUMS").text == "")
    # Harvesters, who ask for what changed since, are told that it went.
    params = {"verb": "ListIdentifiers", "metadataPrefix": "oai_dc", "from": before_revocation}
    told = http.get("/views/followed/oai-pmh", params=params).text
    assert (told.count("<header"), told.count('status="deleted"')) == (3, 3)


def test_a_view_of_a_group_is_there_for_its_members_alone(http, site):
    member, outsider, admin = (site[1][one] for one in (MEMBER, OUTSIDER, ADMIN))
    make(http, member, "astro:all")
    assert sums(http, "astro:all", member) == sorted([*sums(http, "default"), "nebula"])
    secret = make(http, member, "astro:feed", search="os=secretos", secret=True)
    address = secret["url"].rpartition("/")[2]
    assert sums(http, address) == ["nebula"]
    assert http.get(f"/views/{address}/SHA256SUMS").headers["cache-control"] == "private, no-cache"
    wrong = f"mpv_{'x' * 43}"
    for token in (None, outsider):
        headers = {} if token is None else bearer(token)
        answers = {
            view: http.get(f"/views/{view}/SHA256SUMS", headers=headers)
            for view in ("astro:all", "astro:feed", "astro:none", "other:all", wrong)
        }
        assert {one.status_code for one in answers.values()} == {404}
        assert len({one.content for one in answers.values()}) == 1
        assert http.get("/api/v1/views/astro:all", headers=headers).status_code == 404
        assert "astro" not in http.get("/api/v1/views", headers=headers).text
    # Who administers sees that it is there, and not what it shows.
    told = http.get("/api/v1/views/astro:all", headers=bearer(admin)).json()
    assert (told["group"], told["images"]) == ("astro", None)
    assert http.get("/views/astro:all/SHA256SUMS", headers=bearer(admin)).status_code == 404
    for token, method, status in ((outsider, "DELETE", 404), (outsider, "PUT", 404), (member, "DELETE", 204)):
        answer = http.request(
            method, "/api/v1/views/astro:feed", headers=bearer(token), json={} if method == "PUT" else None
        )
        assert answer.status_code == status
    assert http.get(f"/views/{address}/SHA256SUMS").status_code == 404


def test_the_server_never_logs_a_secret_name(http, site):
    secret = make(http, site[1][ADMIN], "hidden", secret=True)["url"].rpartition("/")[2]
    assert http.get(f"/views/{secret}/SHA256SUMS").status_code == 200
    assert http.get("/views/hidden/SHA256SUMS").status_code == 404
    site[0].await_log(path="/views/mpv_[hidden]/SHA256SUMS", status=200)
    assert secret not in site[0].log.read_text()


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"name": "Upper"}, "name must be"),
        ({"name": "x", "search": "status=all"}, "status"),
        ({"name": "x", "search": "nothing=1"}, "There is no parameter"),
        ({"name": "x", "search": "q=a*"}, "search:"),
        ({"name": "x", "policy": {"nothing": 1}}, "policy: nothing"),
        ({"name": "x", "policy": {"endorsers": {"allow": [""]}}}, "policy: endorsers.allow[0]"),
        ({"name": "x", "options": {"color": "red"}}, "option"),
        ({"name": "x", "title": "two\nlines"}, "title"),
        ({"name": "nobody:x"}, "there is no group nobody"),
    ],
    ids=lambda one: one if isinstance(one, str) else None,
)
def test_what_cannot_be_a_view_is_refused_with_every_fault(http, site, parts, told):
    answer = http.post("/api/v1/views", json=parts, headers=bearer(site[1][ADMIN]))
    assert (answer.status_code, answer.json()["code"]) == (400, "view.definition")
    assert told in answer.json()["detail"]


def test_who_may_make_views(http, site):
    for owner, name, status in (
        (MEMBER, "mine", 404), (OUTSIDER, "astro:mine", 404), (ADMIN, "taken", 201), (ADMIN, "taken", 409),
    ):  # fmt: skip
        answer = http.post("/api/v1/views", json={"name": name}, headers=bearer(site[1][owner]))
        assert answer.status_code == status, (owner, name)
    assert http.post("/api/v1/views", json={"name": "x"}).status_code == 401


def test_the_default_view_can_be_replaced_and_comes_back(http, site):
    token = bearer(site[1][ADMIN])
    answer = http.put("/api/v1/views/default", json={"search": "os=debian"}, headers=token)
    assert (answer.status_code, answer.json()["search"]) == (200, "os=debian")
    assert sums(http, "default") == ["debian"]
    assert http.delete("/api/v1/views/default", headers=token).status_code == 204
    assert http.delete("/api/v1/views/default", headers=token).status_code == 404
    assert "ubuntu" in sums(http, "default")


def test_operators_make_views_by_command(http, site, tmp_path, capsys):
    data = ["--data", str(site[0].data)]
    policy = tmp_path / "policy.toml"
    policy.write_text('[policy.endorsers]\nallow = ["jim@example.org"]\n')
    assert run(["view", "create", *data, "--policy", str(policy), "--option", "vo=lab", "by-command"]) == 0
    assert capsys.readouterr().out.endswith("/views/by-command\n")
    # The other process sees within moments what this one wrote.
    wait_for(lambda: http.get("/views/by-command/SHA256SUMS").status_code == 200)
    assert sums(http, "by-command") == ["debian"]
    assert run(["view", "replace", *data, "--search", "os=ubuntu", "by-command"]) == 0
    wait_for(lambda: sums(http, "by-command") == ["ubuntu"])
    assert run(["view", "create", *data, "by-command"]) == 8
    assert run(["view", "create", *data, "--search", "status=all", "worse"]) == 2
    capsys.readouterr()
    assert run(["view", "list", *data, "-o", "id"]) == 0
    assert {"by-command", "default"} <= set(capsys.readouterr().out.split())
    assert run(["view", "delete", *data, "by-command"]) == 0
    wait_for(lambda: http.get("/views/by-command/SHA256SUMS").status_code == 404)
    assert run(["view", "delete", *data, "by-command"]) == 3


def test_pages_tell_which_views_there_are_and_what_each_leaves_out(http, site):
    html = {"Accept": "text/html"}
    make(
        http,
        site[1][ADMIN],
        "shown",
        title="<b>Shown</b>",
        policy={"age": {"most": "400d"}},
        search="os=debian",
    )
    make(http, site[1][MEMBER], "astro:page")
    listed = http.get("/views", headers=html).text
    assert "&lt;b&gt;Shown&lt;/b&gt;" in listed and "astro" not in listed
    assert "astro:page" in http.get("/views", headers=html | bearer(site[1][MEMBER])).text
    told = http.get("/views/shown", headers=html).text
    assert f"{site[0].url}/views/shown/SHA256SUMS" in told
    assert "os=debian" in told and "400d" in told
    default = http.get("/views/default", headers=html).text
    assert "This view has no policy" in default
    assert "compressed at its location" in default
    assert http.get("/views/astro:page", headers=html).status_code == 404
    assert http.get("/views/nothing", headers=html).status_code == 404
