"""A site whose images lie in object storage: a real Swift that speaks S3."""

from __future__ import annotations

import itertools
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from marketplace.sites.errors import StoreError
from marketplace.sites.state import CopyState
from marketplace.sites.store_settings import S3Table
from marketplace.sites.stores import s3_client
from marketplace.sites.stores.s3 import S3Store
from tests.contract.store_contract import Kind, StoreContract, blocks, bytes_of, facts, fill, raw
from tests.sites.clouds import Cloud
from tests.sites.content import ContentServer, answer, stall
from tests.sites.pictures import Picture, qcow2
from tests.sites.swifts import KEY, MOST, SECRET, Swift, running_swift
from tests.sites.test_kill import AT_CALL, KILLED, sync_until

_names = itertools.count()


@pytest.fixture(scope="module")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swift]:
    with running_swift(tmp_path_factory.mktemp("swift")) as running:
        (running.folder / "credentials").write_text(
            f"[site]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
            f"[wrong]\naws_access_key_id = {KEY}\naws_secret_access_key = wrong\n"
        )
        yield running


@pytest.fixture
def bucket(swift: Swift) -> str:
    name = f"images-{next(_names)}"
    swift.client.create_bucket(Bucket=name)
    return name


def open_store(swift: Swift, bucket: str, site: str = "lab", **fields: Any) -> S3Store:
    given = {
        "name": "bucket", "type": "s3", "bucket": bucket, "endpoint": swift.url, "region": "us-east-1",
        "credentials": swift.folder / "credentials", "profile": "site", "addressing": "path",
    }  # fmt: skip
    return S3Store(S3Table(**given | fields), site)


def objects(swift: Swift, bucket: str) -> list[str]:
    found = swift.client.list_objects_v2(Bucket=bucket).get("Contents", [])
    begun = swift.client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    return sorted(
        [f"{one['Key']} {one['ETag']}" for one in found] + [f"begun: {one['Key']}" for one in begun]
    )


class TestS3(StoreContract):
    @pytest.fixture
    def kind(self, swift: Swift, bucket: str) -> Kind:
        prefix = "pool/"

        def plant(picture: Picture) -> None:
            swift.client.put_object(Bucket=bucket, Key=f"{prefix}{picture.identifier}.raw", Body=b"mine")

        return Kind(
            open=lambda site: open_store(swift, bucket, site, prefix=prefix),
            plant=plant,
            rests=lambda: objects(swift, bucket),
            too_large=MOST + 4096,
            many=4,
        )


def test_a_large_image_goes_in_parts_and_what_broke_off_takes_no_room(
    swift: Swift, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_client, "_PART", 5 << 20)  # the least that S3 takes
    store = open_store(swift, bucket)
    picture = raw("large", (11 << 20) + 17)
    external = store.reserve(facts(picture), 1)

    def broken() -> Iterator[bytes]:
        yield picture.data[: 10 << 20]
        raise RuntimeError("the transfer broke off")

    with pytest.raises(RuntimeError):
        store.fill(external, broken(), "", None, 0)
    # What a site leaves that was killed meanwhile.
    key = f".marketplace/lab/{external}/part"
    swift.client.create_multipart_upload(Bucket=bucket, Key=key)
    assert [one for one in objects(swift, bucket) if one.startswith("begun")] == [f"begun: {key}"]
    assert store.fill(external, blocks(picture, 1 << 20), "", None, 0) == len(picture.data)
    store.show(external)
    assert bytes_of(store, external) == picture.data
    assert b"".join(store.content(external, 100)) == picture.data[:100]
    assert not [one for one in objects(swift, bucket) if one.startswith("begun")]
    store.remove(external)
    assert objects(swift, bucket) == []


def test_what_is_wrong_with_the_storage_is_named(swift: Swift, bucket: str, tmp_path: Path) -> None:
    def told(**fields: Any) -> str:
        return " ".join(open_store(swift, fields.pop("bucket", bucket), **fields).check())

    assert told() == ""
    assert "NoSuchBucket" in told(bucket="not-there")
    assert "SignatureDoesNotMatch" in told(profile="wrong")
    assert "nobody" in told(profile="nobody")
    assert "Could not connect" in told(endpoint="http://127.0.0.1:1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert "timeout" in told(endpoint=url, idle=0.2).lower()
    store = open_store(swift, bucket)
    with pytest.raises(StoreError, match="has no"):
        list(store.content("nothing.raw"))
    store.remove("nothing.raw")


def test_without_boto3_the_store_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in sys.modules if one.partition(".")[0] in ("boto3", "botocore")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "boto3", None)
    (told,) = S3Store(S3Table(name="b", type="s3", bucket="images"), "lab").check()
    assert "pip install 'image-marketplace[s3]'" in told


def offer(cloud: Cloud, swift: Swift, bucket: str, picture: Picture, url: str) -> None:
    """Endorse a picture under a tag of its own, and subscribe to that for a bucket."""
    cloud.configure(
        subscription=f'tag = "alice@images.example.org/{picture.identifier}"',
        store=f'type = "s3"\nbucket = "{bucket}"\nendpoint = "{swift.url}"\nregion = "us-east-1"\n'
        f'credentials = "{swift.folder}/credentials"\nprofile = "site"\naddressing = "path"',
    )
    cloud.file.write_text(cloud.file.read_text().replace('path = "images"\n', 'prefix = "pool/"\n'))
    cloud.say(picture.draft(url, tags=(picture.identifier,)))


def test_an_image_comes_in_goes_out_and_comes_back(
    cloud: Cloud, content: ContentServer, swift: Swift, bucket: str
) -> None:
    picture = qcow2("s3")
    url = content.put("image", picture.data)
    offer(cloud, swift, bucket, picture, url)
    assert cloud.sync().imported == 1, cloud.copy().reason
    name = f"{picture.identifier}.qcow2"
    found = swift.client.get_object(Bucket=bucket, Key=f"pool/{name}")["Body"].read()
    assert found == picture.data and content.sent == len(picture.data)
    with cloud.site() as site:
        site.judge()
        site.publish()
        assert site.answer(f"s3:{bucket}/pool/{name}").allowed
    cloud.say(picture.draft(url, deprecated="hole"), created="2024-05-02T12:00:00Z")
    assert cloud.sync().withdrawn == 1
    assert [one.split()[0] for one in objects(swift, bucket) if "/digest/" not in one] == [
        f"pool/.marketplace/lab/{name}/withdrawn"
    ]
    cloud.say(picture.draft(url, tags=(picture.identifier,)), created="2024-05-03T12:00:00Z")
    assert cloud.sync().imported == 1
    assert content.sent == len(picture.data)
    # Somebody overwrites it: only its bytes tell.
    swift.client.put_object(Bucket=bucket, Key=f"pool/{name}", Body=b"x" * len(picture.data))
    done = cloud.command("verify")
    assert done.returncode == 5 and cloud.copy().state is CopyState.QUARANTINED, done
    assert not [one for one in objects(swift, bucket) if one.startswith(f"pool/{name}")]


@pytest.mark.parametrize("call", ["show after", "hide before"])
def test_a_site_that_was_killed_around_a_call_of_the_bucket_comes_to_its_end(
    cloud: Cloud, content: ContentServer, swift: Swift, bucket: str, call: str
) -> None:
    picture = raw(f"killed {call}")
    url = content.put("image", picture.data)
    offer(cloud, swift, bucket, picture, url)
    if call.startswith("hide"):
        assert cloud.sync().imported == 1
        cloud.say(picture.draft(url, deprecated="hole"), created="2024-05-02T12:00:00Z")
    code = AT_CALL.replace("stores.directory", "stores.s3").replace("DirectoryStore", "S3Store")
    assert sync_until(cloud, code, call) == KILLED
    cloud.sync()
    state = CopyState.WITHDRAWN if call.startswith("hide") else CopyState.AVAILABLE
    assert cloud.copy().state is state and content.requests["/image"] == 1
    shown = [one for one in objects(swift, bucket) if one.startswith("pool/") and "/." not in one]
    assert bool(shown) == (state is CopyState.AVAILABLE)


def test_a_transfer_that_breaks_off_leaves_nothing_and_a_wrong_one_is_never_seen(
    cloud: Cloud, content: ContentServer, swift: Swift, bucket: str
) -> None:
    picture = raw("cut s3")
    offer(cloud, swift, bucket, picture, content.put("image", answer(500)))
    assert cloud.sync().failed == 1
    assert [one.split("/")[-2] for one in objects(swift, bucket)] == ["digest"]
    other = raw("wrong s3")
    offer(cloud, swift, bucket, other, content.put("other", stall(other.data[:-1] + b"x", 100)))
    content.go_on.set()
    assert cloud.sync().unproven == 1
    seen = [one for one in objects(swift, bucket) if one.startswith("pool/") and "/." not in one]
    assert not seen and [one for one in objects(swift, bucket) if "/quarantine " in one]


def test_two_sites_share_a_bucket(swift: Swift, bucket: str) -> None:
    lab, other = open_store(swift, bucket), open_store(swift, bucket, "other")
    picture = raw("two sites")
    external = fill(lab, picture)
    assert other.look(external) is None and not list(other.ours())
    lab.show(external)
    # The same image of the other one would have the same name.
    with pytest.raises(StoreError, match="not of this site"):
        other.reserve(facts(picture), 1)
    other.remove(external)
    other.quarantine(external)
    assert bytes_of(lab, external) == picture.data
