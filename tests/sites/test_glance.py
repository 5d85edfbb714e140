"""A site whose images lie in a real Glance, with a real Keystone and without one."""

from __future__ import annotations

import gzip
import hashlib
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from marketplace.sites.checking import check_site
from marketplace.sites.errors import NameBurntError, StoreError, StoreFullError
from marketplace.sites.settings import GlanceTable
from marketplace.sites.state import CopyState
from marketplace.sites.stores.glance import GlanceStore
from tests.contract.store_contract import Kind, StoreContract, blocks, facts, fill, raw
from tests.sites.clouds import Cloud
from tests.sites.content import Behaviour, ContentServer, Handler, answer
from tests.sites.openstacks import SIZE_CAP, OpenStack, running_openstack
from tests.sites.pictures import Picture, qcow2

HEAD = 64 << 10


@pytest.fixture(scope="module")
def openstack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenStack]:
    with running_openstack(tmp_path_factory.mktemp("openstack")) as running:
        running.clouds(running.folder / "clouds.yaml")
        yield running


def glance(openstack: OpenStack, cloud: str = "site", site: str = "unit", **fields: Any) -> GlanceStore:
    given = {"name": "cloud", "type": "glance", "clouds": openstack.folder / "clouds.yaml", "idle": 30}
    return GlanceStore(GlanceTable(**given | fields | {"cloud": cloud}), site)


def kind_of(openstack: OpenStack, cloud: str) -> Kind:
    def open_(site: str) -> GlanceStore:
        return glance(openstack, cloud, f"{cloud}-{site}")

    def plant(picture: Picture) -> None:
        """An image of that id which has lost the site's tag."""
        external = open_("lab").reserve(facts(picture), 1)
        headers = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
        change = b'[{"op": "replace", "path": "/tags", "value": []}]'
        path = f"/v2/images/{external}"
        assert openstack.everybody("PATCH", path, content=change, headers=headers).status_code == 200

    def rests() -> list[str]:
        found = []
        for hidden in ("true", "false"):
            path = f"/v2/images?mp_site={cloud}-lab&os_hidden={hidden}&limit=1000&visibility=all"
            found += openstack.everybody("GET", path).json()["images"]
        return sorted(f"{one['id']} {one['status']} {one['updated_at']}" for one in found)

    return Kind(open=open_, plant=plant, rests=rests, too_large=SIZE_CAP + 4096, many=12)


class TestWithoutKeystone(StoreContract):
    @pytest.fixture
    def kind(self, openstack: OpenStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kind]:
        # The list of many images has several pages.
        monkeypatch.setattr("marketplace.sites.stores.glance._PAGE", 5)
        made = kind_of(openstack, "open")
        yield made
        for one in made.rests():
            openstack.everybody("DELETE", f"/v2/images/{one.split()[0]}")


def test_the_contract_is_held_with_keystone_too(openstack: OpenStack) -> None:
    kind = kind_of(openstack, "credential")
    contract = StoreContract()
    contract.test_nothing_is_visible_before_it_is_shown_and_each_call_can_be_repeated(kind, kind.open("lab"))
    contract.test_another_process_finds_what_is_of_this_site(kind, kind.open("lab"))


def shown(openstack: OpenStack, site: str = "lab") -> list[dict[str, Any]]:
    """Every image that carries a site's tag, as an administrator sees it."""
    found: list[dict[str, Any]] = []
    for hidden in ("true", "false"):
        path = f"/v2/images?tag=marketplace:{site}&os_hidden={hidden}&limit=1000&visibility=all"
        found += openstack.everybody("GET", path).json()["images"]
    return found


def image_of(openstack: OpenStack, picture: Picture) -> dict[str, Any]:
    (found,) = [one for one in shown(openstack) if one["mp_identifier"] == picture.identifier]
    return found


class Counted:
    """Serves bytes, whole or a range; counts what each client took. Each may be served other bytes."""

    def __init__(self, data: bytes, to_glance: Behaviour | bytes | None = None) -> None:
        self.data, self.to_glance = data, to_glance
        self.bytes: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()

    def __call__(self, handler: Handler) -> None:
        who = "site" if handler.headers.get("User-Agent") == "marketplace-site" else "glance"
        self.requests[who] += 1
        data = self.data
        if who == "glance" and self.to_glance is not None:
            if callable(self.to_glance):
                self.to_glance(handler)
                return
            data = self.to_glance
        wanted = handler.headers.get("Range", "")
        if wanted and not handler.headers.get("If-Range"):
            end = int(wanted.rpartition("-")[2]) + 1
            part = data[:end]
            handler.begin(206, len(part), Content_Range=f"bytes 0-{len(part) - 1}/{len(data)}")
        else:
            part = data
            handler.begin(200, len(data))
        handler.send(part)
        self.bytes[who] += len(part)


def offer(
    cloud: Cloud, openstack: OpenStack, picture: Picture, *locations: str, name: str = "credential",
    more: str = "", **fields: Any,
) -> None:  # fmt: skip
    """Endorse a picture under a tag of its own, and subscribe to that for a cloud."""
    tag = picture.identifier
    cloud.configure(
        subscription=f'tag = "alice@images.example.org/{tag}"',
        store=f'type = "glance"\ncloud = "{name}"\nclouds = "{openstack.folder}/clouds.yaml"\n{more}',
    )
    cloud.file.write_text(cloud.file.read_text().replace('path = "images"\n', ""))
    cloud.say(picture.draft(*locations, tags=(tag,), **fields))


@pytest.mark.parametrize("name", ["credential", "open"])
def test_glance_fetches_by_itself_and_its_digest_proves_it(
    cloud: Cloud, content: ContentServer, openstack: OpenStack, name: str
) -> None:
    picture = raw(f"web-download {name}", 4 << 20)
    served = Counted(picture.data)
    url = content.put("image", served)
    projects = f'projects = {{bio = "{openstack.ids["vo-bio"]}"}}'
    offer(cloud, openstack, picture, url, name=name, more=projects)
    assert cloud.sync().imported == 1, cloud.copy().reason
    image = image_of(openstack, picture)
    assert image["status"] == "active" and image["visibility"] == "shared" and not image["os_hidden"]
    assert image["os_hash_value"] == picture.sha512 == image["sha512"] == image["mp_sha512"]
    assert (image["mp_state"], image["mp_endorser"]) == ("available", "alice@images.example.org")
    assert image["mp_site"] == "lab" and image["appdb_id"] and image["vmcatcher_event_ad_mpuri"]
    # The image went over the network once, to Glance; the site looked at its beginning.
    assert dict(served.bytes) == {"site": HEAD, "glance": len(picture.data)}
    if name != "open":
        assert openstack.as_user("bio", "vo-bio", "GET", f"/v2/images/{image['id']}").status_code == 200
        assert openstack.as_user("other", "vo-other", "GET", f"/v2/images/{image['id']}").status_code == 404
    with cloud.site() as site:
        site.judge()
        site.publish()
        assert site.answer(f"glance:{image['id']}").allowed
    cloud.say(picture.draft(url, deprecated="hole"), created="2024-05-02T12:00:00Z")
    assert cloud.sync().withdrawn == 1
    image = image_of(openstack, picture)
    assert (image["status"], image["os_hidden"], image["mp_state"]) == ("deactivated", True, "withdrawn")
    cloud.say(picture.draft(url, tags=(picture.identifier,)), created="2024-05-03T12:00:00Z")
    assert cloud.sync().imported == 1
    assert image_of(openstack, picture)["status"] == "active"
    assert served.requests["glance"] == 1


@pytest.mark.parametrize("on_withdraw", ["hide", "delete"])
def test_what_is_done_on_withdrawal_is_the_sites_choice(
    cloud: Cloud, content: ContentServer, openstack: OpenStack, on_withdraw: str
) -> None:
    picture = raw(on_withdraw)
    url = content.put("image", picture.data)
    offer(cloud, openstack, picture, url, more=f'on_withdraw = "{on_withdraw}"')
    assert cloud.sync().imported == 1
    cloud.say(picture.draft(url, deprecated="hole"), created="2024-05-02T12:00:00Z")
    assert cloud.sync().withdrawn == 1
    found = [one for one in shown(openstack) if one["mp_identifier"] == picture.identifier]
    if on_withdraw == "delete":
        assert not found
    else:
        assert [(one["status"], one["visibility"], one["os_hidden"]) for one in found] == [
            ("active", "private", True)
        ]
    cloud.say(picture.draft(url, tags=(picture.identifier,)), created="2024-05-03T12:00:00Z")
    cloud.sync()
    assert cloud.sync().failed == 0 and cloud.copy().state is CopyState.AVAILABLE
    assert image_of(openstack, picture)["status"] == "active"


def test_what_glance_cannot_compare_is_sent_through_the_site(
    cloud: Cloud, content: ContentServer, openstack: OpenStack
) -> None:
    packed, weak = qcow2("packed glance"), raw("weak glance")
    offer(cloud, openstack, packed, content.put("packed.gz", gzip.compress(packed.data)))
    assert cloud.sync().imported == 1, cloud.copy().reason
    assert image_of(openstack, packed)["os_hash_value"] == packed.sha512
    url = content.put("weak", weak.data)
    (cloud.folder / "state").rename(cloud.folder / "state-of-packed")
    checksums = (("SHA-256", hashlib.sha256(weak.data).hexdigest()),)
    offer(cloud, openstack, weak, url, checksums=checksums)
    assert cloud.sync().imported == 1
    assert content.requests["/weak"] == 1
    cloud.say(weak.draft(url, deprecated="hole", checksums=checksums), created="2024-05-02T12:00:00Z")
    assert cloud.sync().withdrawn == 1
    cloud.say(weak.draft(url, checksums=checksums, tags=(weak.identifier,)), created="2024-05-03T12:00:00Z")
    assert cloud.sync().imported == 1
    assert content.requests["/weak"] == 1


def test_a_hostile_image_never_reaches_glance(
    cloud: Cloud, content: ContentServer, openstack: OpenStack
) -> None:
    picture = qcow2("hostile glance", backing="/etc/passwd")
    served = Counted(picture.data)
    offer(cloud, openstack, picture, content.put("evil", served))
    assert cloud.sync().unproven == 1
    assert "backing file" in cloud.copy().reason and not served.requests["glance"]
    assert not [one for one in shown(openstack) if one["mp_identifier"] == picture.identifier]


def test_bytes_that_are_not_endorsed_behind_a_good_beginning_are_found_out(
    cloud: Cloud, content: ContentServer, openstack: OpenStack
) -> None:
    picture = raw("other bytes")
    wrong = content.put("wrong", Counted(picture.data[:-1] + b"x"))
    offer(cloud, openstack, picture, wrong)
    assert cloud.sync().unproven == 1
    image = image_of(openstack, picture)
    assert (image["status"], image["visibility"], image["mp_state"]) == (
        "deactivated",
        "private",
        "quarantined",
    )
    assert "has the sha512" in cloud.copy().reason or "Glance did not get it" in cloud.copy().reason


@pytest.mark.parametrize("kind", ["404", "cut"])
def test_what_glance_does_not_get_comes_from_elsewhere(
    cloud: Cloud, content: ContentServer, openstack: OpenStack, kind: str
) -> None:
    picture = raw(f"elsewhere {kind}", 256 << 10)
    bad: dict[str, Behaviour] = {"404": answer(404), "cut": cut_off(picture.data)}
    first = content.put("bad", Counted(picture.data, bad[kind]))
    served = Counted(picture.data)
    offer(cloud, openstack, picture, first, content.put("good", served))
    assert cloud.sync().imported == 1, cloud.copy().reason
    assert served.requests["glance"] == 1 and image_of(openstack, picture)["status"] == "active"


def cut_off(data: bytes) -> Behaviour:
    def serve(handler: Handler) -> None:
        handler.begin(200, len(data))
        handler.send(data[: len(data) // 2])
        handler.close_connection = True

    return serve


def test_a_host_that_the_cloud_does_not_ask_is_asked_by_the_site(
    cloud: Cloud, content: ContentServer, openstack: OpenStack
) -> None:
    picture = raw("localhost")
    served = Counted(picture.data)
    url = content.put("local", served).replace("127.0.0.1", "localhost")
    offer(cloud, openstack, picture, url)
    assert cloud.sync().imported == 1, cloud.copy().reason
    assert served.requests["glance"] == 0


def test_glance_is_killed_while_it_fetches(
    cloud: Cloud, content: ContentServer, openstack: OpenStack
) -> None:
    picture = raw("killed glance", 1 << 20)

    def die(handler: Handler) -> None:
        served.to_glance = None
        handler.begin(200, len(picture.data))
        handler.send(picture.data[:1000])
        handler.wfile.flush()
        openstack.kill_glance()

    served = Counted(picture.data, die)
    offer(cloud, openstack, picture, content.put("image", served), more="import_timeout = 1\nidle = 20")
    try:
        assert cloud.sync().failed == 1
    finally:
        openstack.restart_glance()
    assert "Glance" in cloud.copy().reason
    assert image_of(openstack, picture)["status"] == "importing"
    later = time.time() + 100
    assert cloud.sync(wall=lambda: later).imported == 1, cloud.copy().reason
    assert image_of(openstack, picture)["status"] == "active"
    assert not list((openstack.folder / "staging").iterdir())


def test_what_failed_requests_left_behind_is_removed(cloud: Cloud, openstack: OpenStack) -> None:
    picture = raw("corpse")
    store = glance(openstack, "credential", "lab")
    external = store.reserve(facts(picture), 7)
    offer(cloud, openstack, raw("no corpse"))
    cloud.sync()
    assert openstack.everybody("GET", f"/v2/images/{external}").status_code == 404


# What can go wrong with the cloud itself, and what the operator is told.


def changed(openstack: OpenStack, tmp_path: Path, **auth: Any) -> GlanceStore:
    file = openstack.clouds(tmp_path / "clouds.yaml", **auth)
    return glance(openstack, clouds=file)


def faults_of(store: GlanceStore) -> str:
    return " ".join(store.check())


def test_wrong_credentials_and_projects_are_named(openstack: OpenStack, tmp_path: Path) -> None:
    assert "refuses the credentials" in faults_of(changed(openstack, tmp_path, password="wrong"))
    assert "refuses the credentials" in faults_of(changed(openstack, tmp_path, project_name="vo-bio"))
    assert "is not reached" in faults_of(changed(openstack, tmp_path, auth_url="http://127.0.0.1:1"))
    file = openstack.clouds(tmp_path / "clouds.yaml")
    file.write_text(file.read_text().replace("RegionOne", "RegionTwo"))
    found = faults_of(glance(openstack, clouds=file))
    assert (
        "no public endpoint of the image service in region RegionTwo" in found and "RegionOne public" in found
    )


def test_a_token_that_was_taken_back_is_renewed(openstack: OpenStack) -> None:
    store = glance(openstack)
    assert store.check() == []
    session = store._session
    assert session._token is not None
    session._token = replace(session._token, value="taken-back")
    picture = raw("renewed")
    external = fill(store, picture)
    assert session._token.value not in ("", "taken-back")
    # One that is about to end is renewed before it is shown.
    session._token = replace(session._token, value="ended", ends=time.time() + 30)
    assert store.look(external) is not None and session._token.value != "ended"
    store.remove(external)


def test_what_glance_refuses_is_told(openstack: OpenStack) -> None:
    store = glance(openstack, visibility="public")
    picture = raw("public")
    external = fill(store, picture)
    with pytest.raises(StoreError, match="403"):
        store.show(external)  # needs an administrator
    found = store.look(external)
    assert found is not None and not found.visible
    other = raw("other", len(picture.data))
    with pytest.raises(NameBurntError, match="other bytes"):
        store.fill(external, blocks(other), "", None, 0)
    store.remove(external)
    with pytest.raises(NameBurntError, match="used and deleted"):
        store.reserve(facts(picture), 1)
    with pytest.raises(NameBurntError):
        store.fill(external, blocks(picture), "", None, 0)
    with pytest.raises(StoreError, match="no disk format"):
        store.reserve(facts(picture, format="qed"), 1)


def test_an_image_for_which_there_is_no_room_is_told_as_such(openstack: OpenStack) -> None:
    store = glance(openstack)
    picture = raw("too large", SIZE_CAP + 4096)
    external = store.reserve(facts(picture), 1)
    with pytest.raises(StoreFullError, match="413"):
        store.fill(external, blocks(picture, 1 << 20), "", None, 0)
    store.remove(external)


def test_an_image_of_somebody_else_is_not_touched(openstack: OpenStack) -> None:
    picture = raw("theirs glance")
    theirs = glance(openstack, "open", "unit")
    mine = glance(openstack, "credential", "unit")
    external = fill(theirs, picture)  # the same id, of another project
    with pytest.raises((StoreError, NameBurntError)):
        mine.reserve(facts(picture), 1)
    assert external not in {one.external for one in mine.ours()}
    theirs.remove(external)


def test_a_glance_that_does_not_answer_is_given_up(openstack: OpenStack) -> None:
    store = glance(openstack, "open", idle=0.3)
    with openstack.stopped_glance():
        assert "does not answer in time" in faults_of(store)
    assert glance(openstack, "open").check() == []


def test_a_glance_whose_database_is_locked_is_asked_again(openstack: OpenStack) -> None:
    store = glance(openstack, "open")
    picture = raw("locked")
    database = sqlite3.connect(openstack.folder / "glance.db", isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    log = openstack.folder / "glance_app.log"
    found: list[str] = []
    asking = threading.Thread(target=lambda: found.append(store.reserve(facts(picture), 1)))
    try:
        asking.start()
        while "database is locked" not in log.read_text() and asking.is_alive():
            asking.join(0.1)
    finally:
        database.execute("ROLLBACK")
        database.close()
    asking.join(60)
    assert found and "database is locked" in log.read_text()
    store.remove(found[0])


def test_the_probe_shows_that_a_hostile_image_is_refused(cloud: Cloud, openstack: OpenStack) -> None:
    offer(cloud, openstack, raw("probe"))
    found = [one for one in check_site(cloud.read(), probe=True) if one.what.startswith("store")]
    assert [one.fault for one in found] == [None, None]
    assert "project" in found[0].found
    assert "refused before it reaches Glance" in found[1].found and "refuses it, too" in found[1].found
    assert not [one for one in shown(openstack) if one["mp_identifier"] == "probe"]
