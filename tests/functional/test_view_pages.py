"""Views made, changed and deleted in a browser, without a script."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import httpx
import pytest

from marketplace.access import Scope
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.access import bearer, form_key, found_group, from_own_page, issue_token, sign_in
from tests.functional.catalogue import upload
from tests.functional.running import RunningServer, running_server

HTML = {"Accept": "text/html"}
MEMBER, OUTSIDER, ADMIN = "mary@astro.example", "oscar@x.example", "root@x.example"
JANE = make_identity("Jane", "jane@example.org")
SUMS = (("SHA-256", "ab" * 32),)
EDIT = "/account/views/edit"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[tuple[RunningServer, dict[str, str]]]:
    with running_server(tmp_path_factory.mktemp("forms")) as running, running.client() as http:
        found_group(running, "astro", MEMBER)
        tokens = {
            owner: issue_token(running, owner, scopes)
            for owner, scopes in (
                (MEMBER, [Scope.READ, Scope.UPLOAD]),
                (OUTSIDER, [Scope.READ, Scope.UPLOAD]),
                (ADMIN, [Scope.ADMIN, Scope.READ]),
                ("reader@x.example", [Scope.READ]),
            )
        }
        for name, system in (("one", "debian"), ("two", "debian"), ("three", "ubuntu")):
            place = f"https://images.example.org/{name}.img"
            document = image(
                content=name, title=f"Image {name}", os=system, locations=(place,), checksums=SUMS
            )
            upload(http, signed(document, JANE))
        headers = {"Content-Type": "application/rdf+xml", **bearer(tokens[MEMBER])}
        private = signed(image(content="hidden", title="Hidden", os="debian"), JANE)
        assert http.post("/metadata?audience=astro", content=private, headers=headers).status_code == 201
        yield running, tokens


@pytest.fixture
def someone(site) -> Iterator:
    """Signs somebody in; a browser of its own for each."""
    running, tokens = site
    opened: list[httpx.Client] = []

    def enter(owner: str) -> httpx.Client:
        browser = running.client(headers=HTML)
        opened.append(browser)
        sign_in(browser, running, tokens[owner])
        return browser

    yield enter
    for browser in opened:
        browser.close()


def post(browser: httpx.Client, site, path: str, **fields: str) -> httpx.Response:
    """Fill in the form of a page as a browser does."""
    asked = browser.get(path)
    assert asked.status_code == 200, asked.text
    data = {"key": form_key(asked.text), **fields}
    return browser.post(path, data=data, headers=from_own_page(site[0]))


def text_of(answer: httpx.Response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", answer.text))


def test_an_administrator_makes_changes_and_deletes_a_view(site, someone):
    browser = someone(ADMIN)
    fields = {"name": "debian", "title": "Debian <b>", "search": "os=debian", "vo": "lab"}
    checked = post(browser, site, EDIT, act="check", **fields)
    assert checked.status_code == 200 and "show 2 images now" in text_of(checked), text_of(checked)
    assert "Image one" in checked.text and "Hidden" not in checked.text
    # MD5 and SHA-512 are asked for by some, and nothing is saved yet.
    assert "SHA-512" in checked.text and browser.get("/views/debian").status_code == 404
    made = post(browser, site, EDIT, act="save", **fields)
    assert made.status_code == 303 and made.headers["location"].endswith("/account/views")
    shown = browser.get("/views/debian").text
    assert "Debian &lt;b&gt;" in shown and "2 images" in text_of(browser.get("/views/debian"))
    path = f"{EDIT}?name=debian"
    assert path in shown and path in browser.get("/account/views").text
    assert 'value="os=debian"' in browser.get(path).text and 'value="lab"' in browser.get(path).text
    policy = '[policy]\nchecksum.least = "sha256"\n[policy.endorsers]\nallow = ["*@example.org"]\n'
    changed = post(browser, site, path, act="save", search="os=ubuntu", policy=policy, title="Ubuntu")
    assert changed.status_code == 303, text_of(changed)
    again = browser.get(path).text
    assert "[endorsers]\nallow = [&#34;*@example.org&#34;]" in again, again
    # What the form shows can be saved as it is.
    kept = re.search(r"<textarea[^>]*>([^<]*)</textarea>", again)
    assert kept is not None
    text = kept[1].replace("&#34;", '"')
    assert post(browser, site, path, act="save", search="os=ubuntu", policy=text).status_code == 303
    told = browser.get("/api/v1/views/debian", headers={"Accept": "application/json"}).json()
    assert told["policy"] == {"checksum": {"least": "sha256"}, "endorsers": {"allow": ["*@example.org"]}}
    assert told["search"] == "os=ubuntu" and told["images"] == 0  # this site trusts nobody
    asked = post(browser, site, "/account/views/delete?name=debian")
    assert asked.status_code == 303 and browser.get("/views/debian").status_code == 404


def test_a_member_makes_views_of_her_group_only(site, someone):
    browser = someone(MEMBER)
    assert "astro" in browser.get(EDIT).text
    checked = post(browser, site, EDIT, act="check", name="astro:all", search="os=debian")
    assert "show 3 images now" in text_of(checked) and "Hidden" in checked.text
    for name in ("all", "bio:all", "nothing:all", ""):
        refused = post(browser, site, EDIT, act="save", name=name)
        assert refused.status_code == 400 and "with a group of yours" in refused.text, name
    pasted = "https://mp.example.org/?os=debian"
    assert post(browser, site, EDIT, act="save", name="astro:all", search=pasted).status_code == 303
    assert post(browser, site, EDIT, act="save", name="astro:all").status_code == 409
    assert browser.get("/views/astro:all").status_code == 200
    assert post(browser, site, f"{EDIT}?name=astro:all", act="save", title="All").status_code == 303
    for path in (f"{EDIT}?name=default", "/account/views/delete?name=default", f"{EDIT}?name=astro:x"):
        assert browser.get(path).status_code == 404, path
    stranger = someone(OUTSIDER)
    same = {"X-Request-Id": "of-this-test"}
    absent = stranger.get(f"{EDIT}?name=bio:all", headers=same)
    for path in (f"{EDIT}?name=astro:all", "/account/views/delete?name=astro:all"):
        answer = stranger.get(path, headers=same)
        assert (answer.status_code, text_of(answer)) == (404, text_of(absent))
    assert "astro" not in stranger.get("/account/views").text
    boss = someone(ADMIN)
    unseen = post(boss, site, EDIT, act="check", name="astro:other")
    assert "you do not see the entries of this group" in unseen.text and "Hidden" not in unseen.text


def test_a_secret_address_is_shown_once(site, someone):
    browser = someone(MEMBER)
    made = post(browser, site, EDIT, act="save", name="astro:feed", secret="on", title="Feed")
    assert made.status_code == 200 and made.headers["cache-control"] == "no-store"
    found = re.search(r"/views/(mpv_[A-Za-z0-9_-]+)", made.text)
    assert found is not None, made.text
    with site[0].client() as nobody:
        assert nobody.get(f"/views/{found[1]}/SHA256SUMS").status_code == 200
    for path in ("/account/views", f"{EDIT}?name=astro:feed", "/views"):
        assert found[1] not in browser.get(path).text
    # It stays secret, whatever is changed.
    assert post(browser, site, f"{EDIT}?name=astro:feed", act="save", title="Other").status_code == 303
    with site[0].client() as nobody:
        assert nobody.get(f"/views/{found[1]}").status_code == 200


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "UPPER"}, "1-63 lower-case letters"),
        ({"name": "x", "search": "os=debian&limit=3"}, "a view takes no limit"),
        ({"name": "x", "search": "nothing=1"}, "search:"),
        ({"name": "x", "policy": "endorsers = "}, "policy: is not TOML"),
        ({"name": "x", "policy": "policy = 3"}, "policy is a table"),
        ({"name": "x", "policy": "day = 2026-01-01"}, "policy: day"),
        ({"name": "x", "policy": "surprise = 1\n[endorsers]\nallow = 3"}, "policy: surprise"),
        ({"name": "x", "policy": "surprise = 1\n[endorsers]\nallow = 3"}, "policy: endorsers.allow"),
        ({"name": "x", "title": "t" * 201}, "at most 200 characters"),
        ({"name": "x", "vo": "v" * 201}, "option vo"),
        ({"name": "x", "policy": "[" * 2000}, "policy: is not TOML"),
    ],
)
def test_every_fault_is_named_and_nothing_typed_is_lost(site, someone, fields, said):
    browser = someone(ADMIN)
    for act in ("check", "save"):
        answer = post(browser, site, EDIT, act=act, **fields)
        assert answer.status_code == 400 and said in text_of(answer), text_of(answer)
        # The name too, although it is what was wrong.
        typed = html.unescape(answer.text)
        assert all(value in typed for value in fields.values()), typed


def test_other_sites_and_other_sessions_change_nothing(site, someone):
    browser = someone(ADMIN)
    key = form_key(browser.get(EDIT).text)
    other = form_key(someone(MEMBER).get(EDIT).text)
    own = from_own_page(site[0])
    fields = {"name": "stolen", "act": "save"}
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert browser.post(EDIT, data={"key": key, **fields}, headers=foreign).status_code == 403
    assert browser.post(EDIT, data={"key": other, **fields}, headers=own).status_code == 403
    assert browser.post(EDIT, data=fields, headers=own).status_code == 403
    assert browser.get("/views/stolen").status_code == 404
    reader = someone("reader@x.example")
    assert reader.get("/account/views").status_code in (403, 404)
    with site[0].client(headers=HTML) as nobody:
        assert nobody.get("/account/views").status_code == 401
        assert "/account/views" not in nobody.get("/views").text
