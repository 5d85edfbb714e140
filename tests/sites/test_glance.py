"""A site whose images lie in a real Glance, with a real Keystone and without one."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace.demo.images import make_image
from marketplace.sites.site_check import check_site
from marketplace.sites.state import CopyState
from marketplace.sites.store_settings import GlanceTable
from marketplace.sites.stores.glance import GlanceStore
from tests.contract.store_contract import Kind, StoreContract, facts, raw
from tests.dialects.clients import run
from tests.dialects.test_clouds import said
from tests.factories.documents import signed
from tests.functional.pasting import paste, steps_for
from tests.sites.clouds import ALICE, Cloud
from tests.sites.content import Behaviour, ContentServer, Handler, answer
from tests.sites.glance_faults import GlanceFaults
from tests.sites.glances import Counted, configure, glance, image_of, offer, shown
from tests.sites.openstacks import SIZE_CAP, VENV, OpenStack, running_openstack
from tests.sites.pictures import Picture, qcow2
from tests.sites.test_asking import group, say_to  # noqa: F401  # the fixture

HEAD = 64 << 10


@pytest.fixture(scope="module")
def openstack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenStack]:
    with running_openstack(tmp_path_factory.mktemp("openstack")) as running:
        running.clouds(running.folder / "clouds.yaml")
        yield running


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


def test_an_id_that_is_taken_keeps_no_image_out(
    cloud: Cloud, content: ContentServer, openstack: OpenStack
) -> None:
    picture = raw("taken id")
    offer(cloud, openstack, picture, content.put("taken", picture.data), name="open")
    configuration = cloud.read()
    (table,) = configuration.table.store
    assert isinstance(table, GlanceTable)
    taken = GlanceStore(table, configuration.table.name).reserve(facts(picture), 1)
    headers = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
    change = b'[{"op": "replace", "path": "/tags", "value": []}]'
    assert openstack.everybody("PATCH", f"/v2/images/{taken}", content=change, headers=headers).is_success
    assert cloud.sync().imported == 1, cloud.copy().reason
    assert cloud.copy().external != taken and cloud.copy().attempt == 2
    assert openstack.everybody("GET", f"/v2/images/{taken}").json()["status"] == "queued"


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


def test_what_failed_requests_left_behind_is_removed(cloud: Cloud, openstack: OpenStack) -> None:
    picture = raw("corpse")
    store = glance(openstack, "credential", "lab")
    external = store.reserve(facts(picture), 7)
    offer(cloud, openstack, raw("no corpse"))
    cloud.sync()
    assert openstack.everybody("GET", f"/v2/images/{external}").status_code == 404


def test_the_probe_shows_that_a_hostile_image_is_refused(cloud: Cloud, openstack: OpenStack) -> None:
    offer(cloud, openstack, raw("probe"))
    found = [one for one in check_site(cloud.read(), probe=True) if one.what.startswith("store")]
    assert [one.fault for one in found] == [None, None]
    assert "project" in found[0].found
    assert "refused before it reaches Glance" in found[1].found and "refuses it, too" in found[1].found
    assert not [one for one in shown(openstack) if one["mp_identifier"] == "probe"]


def test_an_image_that_only_a_group_may_see_is_shared_with_its_project_alone(
    cloud: Cloud,
    content: ContentServer,
    openstack: OpenStack,
    group: str,  # noqa: F811  # the fixture
) -> None:
    picture = raw("of a group only")
    served = Counted(picture.data)
    draft = picture.draft(content.put("image", served), tags=(picture.identifier,))
    bio, other = openstack.ids["vo-bio"], openstack.ids["vo-other"]
    projects = f'visibility = "community"\nprojects = {{{group} = "{bio}", others = "{other}"}}'
    configure(cloud, openstack, picture, "credential", projects)
    cloud.file.write_text(cloud.file.read_text().replace("poll = 0.1", 'poll = 0.1\ntoken_file = "token"'))
    say_to(cloud, group, signed(draft, ALICE))
    assert cloud.sync().imported == 1, cloud.copy().reason
    image = image_of(openstack, picture)
    assert (image["visibility"], image["mp_groups"]) == ("shared", group)
    path = f"/v2/images/{image['id']}"
    members = openstack.everybody("GET", f"{path}/members").json()["members"]
    assert [one["member_id"] for one in members] == [bio]
    assert openstack.as_user("bio", "vo-bio", "GET", path).status_code == 200
    assert openstack.as_user("other", "vo-other", "GET", path).status_code == 404
    # Members see it in lists once they have accepted it.
    listed = f"/v2/images?mp_identifier={picture.identifier}"
    assert not openstack.as_user("bio", "vo-bio", "GET", listed).json()["images"]
    openstack.as_user("bio", "vo-bio", "PUT", f"{path}/members/{bio}", json={"status": "accepted"})
    assert openstack.as_user("bio", "vo-bio", "GET", listed).json()["images"]
    gone = picture.draft(content.put("image", served), tags=(picture.identifier,), deprecated="hole")
    say_to(cloud, group, signed(gone, ALICE, created="2024-05-02T12:00:00Z"))
    assert cloud.sync().withdrawn == 1
    assert openstack.as_user("bio", "vo-bio", "GET", path).status_code == 404


def test_openstack_image_manager_fills_glance_from_a_view(
    cloud: Cloud, content: ContentServer, openstack: OpenStack, tmp_path: Path
) -> None:
    picture = qcow2("managed")
    url = content.put("managed.qcow2", picture.data)
    cloud.say(picture.draft(url, title="Managed", extra=said(image_original_user="debian")))
    with cloud.server.client() as http:
        told = http.get("/views/default/openstack-image-manager.yml")
    (tmp_path / "images.yml").write_bytes(told.content)
    # Only administrators make images public.
    openstack.clouds(tmp_path / "clouds.yaml", username="admin", password="secret", project_name="admin")
    manage = ["openstack-image-manager", "--images", "images.yml", "--cloud", "site", "--check"]
    done = run(*manage, "--filter", "^Managed$", folder=tmp_path)
    assert "successfully completed" in done.stderr, done.stdout + done.stderr
    named = f"Managed {picture.identifier}"
    (image,) = openstack.everybody("GET", "/v2/images", params={"name": named}).json()["images"]
    assert (image["status"], image["os_hash_value"]) == ("active", picture.sha512)
    assert (image["visibility"], image["image_original_user"]) == ("public", "debian")
    entries = [one.partition(":")[2] for one in image["tags"] if one.startswith("mp_entry:")]
    with cloud.server.client() as http:
        assert entries == [http.get(f"/api/v1/images/{picture.identifier}").json()["entries"][0]["id"]]
    again = run(*manage, "--filter", "^Managed$", folder=tmp_path)
    assert "Importing image" not in again.stderr


def test_openstack_image_manager_alone_holds_bytes_against_nothing(
    cloud: Cloud, content: ContentServer, openstack: OpenStack, tmp_path: Path
) -> None:
    """What docs/sites.md says of it; ``--verify-checksum`` would need aria2c."""
    wrong, right = qcow2("managed wrong"), qcow2("managed right")
    for picture, data in ((wrong, qcow2("managed evil").data), (right, right.data)):
        url = content.put(f"{picture.identifier}.qcow2", data)
        cloud.say(picture.draft(url, title="Beside", extra=said(image_original_user="debian")))
    with cloud.server.client() as http:
        told = http.get("/views/default/openstack-image-manager.yml")
    (tmp_path / "images.yml").write_bytes(told.content)
    openstack.clouds(tmp_path / "clouds.yaml", username="admin", password="secret", project_name="admin")
    manage = ["openstack-image-manager", "--images", "images.yml", "--cloud", "site", "--check"]
    done = run(*manage, "--filter", "^Beside", folder=tmp_path)
    images = openstack.everybody("GET", "/v2/images?limit=1000").json()["images"]
    found = {one["name"]: one["visibility"] for one in images if one["name"].startswith("Beside")}
    names = {f"Beside {picture.identifier}" for picture in (wrong, right)}
    assert found == dict.fromkeys(names, "public"), done.stdout + done.stderr


def test_the_command_of_a_page_uploads_what_was_checked(openstack: OpenStack, tmp_path: Path) -> None:
    file = tmp_path / "tiny.qcow2"
    file.write_bytes(make_image("openstack", "qcow2", "machine"))
    _, upload = steps_for("openstack", file)
    client = {
        "PATH": f"{VENV / 'bin'}:{os.environ['PATH']}",
        "OS_CLIENT_CONFIG_FILE": str(openstack.folder / "clouds.yaml"),
        "OS_CLOUD": "site",
        "HOME": str(tmp_path),
    }
    paste(upload.line, tmp_path, **client)
    (found,) = openstack.everybody("GET", "/v2/images?name=a-demo-image").json()["images"]
    assert found["os_hash_value"] == hashlib.sha512(file.read_bytes()).hexdigest()
    assert (found["disk_format"], found["architecture"]) == ("qcow2", "x86_64")


class TestFaults(GlanceFaults):
    """What goes wrong with the cloud itself, over the same Glance."""
