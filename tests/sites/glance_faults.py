"""What goes wrong with a real Glance and a real Keystone, and what becomes of a site's images then."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from marketplace.sites.errors import NameBurntError, StoreError, StoreFullError
from marketplace.sites.openstack import session as sessions
from marketplace.sites.state import CopyState
from marketplace.sites.stores.glance import GlanceStore
from tests.contract.store_contract import blocks, facts, fill, raw
from tests.functional.running import AUTHORITIES
from tests.mail.server import make_certificate
from tests.sites.clouds import Cloud
from tests.sites.content import ContentServer, Handler, drip
from tests.sites.daemons import await_true
from tests.sites.disks import fill_disk, small_disk
from tests.sites.glances import Counted, glance, image_of, offer, offer_both
from tests.sites.openstacks import SIZE_CAP, OpenStack
from tests.sites.pictures import qcow2
from tests.sites.test_kill import AT_CALL, KILLED, sync_until
from tests.sites.tls import behind_tls


def changed(openstack: OpenStack, tmp_path: Path, **auth: Any) -> GlanceStore:
    file = openstack.clouds(tmp_path / "clouds.yaml", **auth)
    return glance(openstack, clouds=file)


def faults_of(store: GlanceStore) -> str:
    return " ".join(store.check())


class GlanceFaults:
    """Held by ``test_glance.py``, over the one Glance that it starts."""

    def test_wrong_credentials_and_projects_are_named(self, openstack: OpenStack, tmp_path: Path) -> None:
        assert "refuses the credentials" in faults_of(changed(openstack, tmp_path, password="wrong"))
        assert "refuses the credentials" in faults_of(changed(openstack, tmp_path, project_name="vo-bio"))
        assert "is not reached" in faults_of(changed(openstack, tmp_path, auth_url="http://127.0.0.1:1"))
        file = openstack.clouds(tmp_path / "clouds.yaml")
        file.write_text(file.read_text().replace("RegionOne", "RegionTwo"))
        found = faults_of(glance(openstack, clouds=file))
        assert "no public endpoint of the image service in region RegionTwo" in found
        assert "RegionOne public" in found

    def test_a_token_that_was_taken_back_is_renewed(self, openstack: OpenStack) -> None:
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

    def test_a_token_that_has_ended_is_renewed(
        self, openstack: OpenStack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of a site whose clock is behind, so that it does not see the end coming."""
        monkeypatch.setattr(sessions, "_EARLY", -3600.0)
        store = glance(openstack)
        with openstack.set_up("token-seconds", "1"):
            assert store._session.project
        token = store._session._token
        assert token is not None

        def is_refused() -> bool:
            headers = {"X-Auth-Token": token.value}
            return (
                httpx.get(
                    f"{openstack.glance}/v2/images?limit=1", headers=headers, verify=AUTHORITIES
                ).status_code
                == 401
            )

        await_true(is_refused, "the token has ended")
        assert store.check() == []
        assert store._session._token is not None and store._session._token.value != token.value

    def test_what_glance_refuses_is_told(self, openstack: OpenStack) -> None:
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

    def test_an_image_for_which_there_is_no_quota_is_told_as_such(self, openstack: OpenStack) -> None:
        store = glance(openstack)
        picture = raw("too large", SIZE_CAP + 4096)
        external = store.reserve(facts(picture), 1)
        with pytest.raises(StoreFullError, match="413"):
            store.fill(external, blocks(picture, 1 << 20), "", None, 0)
        store.remove(external)

    @pytest.mark.parametrize("where", ["images", "staging"])
    def test_a_glance_whose_disk_is_full_gets_the_image_once_there_is_room(
        self, cloud: Cloud, content: ContentServer, openstack: OpenStack, where: str
    ) -> None:
        picture = raw(f"full {where}", 2 << 20)
        offer(cloud, openstack, picture, content.put("image", Counted(picture.data)), name="open")
        disk = openstack.folder / where
        with small_disk(disk, "4m"):
            filler = fill_disk(disk)
            done = cloud.sync()
            copy = cloud.copy()
            if where == "staging":  # then the site sends it, past that disk
                assert done.imported == 1 and image_of(openstack, picture)["status"] == "active"
            else:
                assert (done.failed, copy.state) == (1, CopyState.FAILED), copy
                assert "413 Image storage media is full" in copy.reason and copy.next_at is not None
            assert [one.name for one in disk.iterdir()] == [filler.name]
            filler.unlink()
            if where == "images":
                with cloud.site() as site, site.state.database.write():
                    site.state.database.run("UPDATE copy SET next_at = 0")  # as if the pause had passed
                assert cloud.sync().imported == 1, cloud.copy().reason
                assert image_of(openstack, picture)["os_hash_value"] == picture.sha512
                # What was left of the first attempt is gone.
                assert len([one for one in disk.iterdir() if one.is_file()]) == 1

    def test_what_a_cloud_converts_is_sent_as_it_is(
        self, cloud: Cloud, content: ContentServer, openstack: OpenStack
    ) -> None:
        picture = qcow2("converted")
        served = Counted(picture.data)
        offer(cloud, openstack, picture, content.put("image", served), name="open")
        with openstack.set_up("converting"):
            assert cloud.sync().imported == 1, cloud.copy().reason
        assert served.requests["glance"] == 1 and served.bytes["site"] > len(picture.data)
        image = image_of(openstack, picture)
        assert (image["disk_format"], image["size"]) == ("qcow2", len(picture.data))
        assert image["os_hash_value"] == picture.sha512 and image["status"] == "active"

    def test_bytes_that_are_not_endorsed_behind_a_good_beginning_are_found_out(
        self, cloud: Cloud, content: ContentServer, openstack: OpenStack
    ) -> None:
        """The site itself is shown the good ones."""
        picture = raw("other bytes")
        served = Counted(picture.data, picture.data[:-1] + b"x")
        offer(cloud, openstack, picture, content.put("wrong", served), name="open")
        assert cloud.sync().unproven == 1, cloud.copy().reason
        assert served.requests["glance"] == 1 and "has the sha512" in cloud.copy().reason
        image = image_of(openstack, picture)
        assert (image["status"], image["visibility"]) == ("deactivated", "private")
        assert image["mp_state"] == "quarantined"

    @pytest.mark.parametrize("call", ["fetch after", "show after"])
    def test_a_site_that_was_killed_around_a_call_of_glance_comes_to_its_end(
        self, cloud: Cloud, content: ContentServer, openstack: OpenStack, call: str
    ) -> None:
        picture = raw(f"killed {call}")
        served = Counted(picture.data)
        offer(cloud, openstack, picture, content.put("image", served), name="open")
        code = AT_CALL.replace("stores.directory", "stores.glance").replace("DirectoryStore", "GlanceStore")
        assert sync_until(cloud, code, call) == KILLED
        visible = [one for one in [image_of(openstack, picture)] if not one["os_hidden"]]
        assert bool(visible) == (call == "show after")
        assert cloud.sync().imported == 1, cloud.copy().reason
        assert image_of(openstack, picture)["mp_state"] == "available"
        assert served.requests["glance"] == 1  # it was there already

    def test_an_image_of_somebody_else_is_not_touched(self, openstack: OpenStack) -> None:
        picture = raw("theirs glance")
        theirs = glance(openstack, "open", "unit")
        mine = glance(openstack, "credential", "unit")
        external = fill(theirs, picture)  # the same id, of another project
        with pytest.raises((StoreError, NameBurntError)):
            mine.reserve(facts(picture), 1)
        assert external not in {one.external for one in mine.ours()}
        theirs.remove(external)

    def test_a_glance_that_does_not_answer_is_given_up_and_the_other_copies_are_verified(
        self, cloud: Cloud, content: ContentServer, openstack: OpenStack
    ) -> None:
        picture = raw("stopped glance")
        offer_both(cloud, openstack, picture, content.put("image", picture.data), more="idle = 31")
        assert cloud.sync().imported == 2
        cloud.file.write_text(cloud.file.read_text().replace("idle = 31", "idle = 0.3"))
        good = cloud.images / f"{picture.identifier}.raw"
        with openstack.stopped_glance():
            assert "does not answer in time" in faults_of(glance(openstack, "open", idle=0.3))
            done = cloud.command("verify")
            assert done.returncode == 9 and "could not be looked at" in done.stdout, done
            good.write_bytes(picture.data[:-1] + b"x")
            done = cloud.command("verify")
            assert done.returncode == 5 and done.stdout.count(picture.identifier) == 2, done
        assert not cloud.visible()
        assert glance(openstack, "open").check() == []

    def test_a_glance_whose_database_is_locked_is_asked_again(self, openstack: OpenStack) -> None:
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

    def test_a_cloud_is_asked_over_tls_only_where_its_authority_is_known(
        self, openstack: OpenStack, tmp_path: Path
    ) -> None:
        certificate = make_certificate(tmp_path)
        shutil.copy(certificate[0], tmp_path / "authority.pem")

        def told(port: int, **fields: str) -> str:
            said = "".join(f"    {name}: {value}\n" for name, value in fields.items())
            file = tmp_path / "clouds.yaml"
            file.write_text(
                "clouds:\n  tls:\n    auth_type: none\n    auth: {endpoint: "
                f'"https://127.0.0.1:{port}"}}\n{said}'
            )
            return faults_of(glance(openstack, "tls", clouds=file))

        (tmp_path / "nonsense.pem").write_text("nonsense")
        with behind_tls(openstack.open_port, certificate) as port:
            assert "certificate verify failed" in told(port)
            assert told(port, cacert="authority.pem") == ""
            assert "cacert" in told(port, cacert="nonsense.pem")
            assert "TLS that proves nothing" in told(port, verify="false")
            assert "there is no file" in told(port, cacert="nowhere.pem")
        key = {"cacert": "authority.pem", "cert": certificate[0].name, "key": certificate[1].name}
        with behind_tls(openstack.open_port, certificate, clients=certificate[0]) as port:
            assert told(port, cacert="authority.pem") != ""
            assert told(port, **key) == ""
            assert "cannot be used" in told(port, **key | {"key": "nonsense.pem"})

    def test_a_keystone_that_drips_is_given_up(
        self, content: ContentServer, openstack: OpenStack, tmp_path: Path
    ) -> None:
        content.otherwise = drip(bytes(1 << 20))
        store = changed(openstack, tmp_path, auth_url=content.url)
        store._table = replace(store._table, idle=0.1)
        assert "too slowly" in faults_of(store)

    def test_glance_is_killed_while_it_fetches(
        self, cloud: Cloud, content: ContentServer, openstack: OpenStack
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
