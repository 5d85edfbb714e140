"""What the tests with a real Glance share: its stores, its images, and content that it fetches."""

from __future__ import annotations

from collections import Counter
from typing import Any

from marketplace.sites.store_settings import GlanceTable
from marketplace.sites.stores.glance import GlanceStore
from tests.sites.clouds import Cloud
from tests.sites.content import Behaviour, Handler
from tests.sites.openstacks import OpenStack
from tests.sites.pictures import Picture


def glance(openstack: OpenStack, cloud: str = "site", site: str = "unit", **fields: Any) -> GlanceStore:
    given = {"name": "cloud", "type": "glance", "clouds": openstack.folder / "clouds.yaml", "idle": 30}
    return GlanceStore(GlanceTable(**given | fields | {"cloud": cloud}), site)


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
    """Serves bytes, whole or a range; counts what each client is sent. Each may be served other bytes."""

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
        self.bytes[who] += len(part)  # before: who has read the last byte goes on at once
        handler.send(part)


def configure(cloud: Cloud, openstack: OpenStack, picture: Picture, name: str, more: str = "") -> None:
    """Subscribe to a tag that is called as a picture, for a cloud."""
    cloud.configure(
        subscription=f'tag = "alice@images.example.org/{picture.identifier}"',
        store=f'type = "glance"\ncloud = "{name}"\nclouds = "{openstack.folder}/clouds.yaml"\n{more}',
    )
    cloud.file.write_text(cloud.file.read_text().replace('path = "images"\n', ""))


def offer(
    cloud: Cloud, openstack: OpenStack, picture: Picture, *locations: str, name: str = "credential",
    more: str = "", **fields: Any,
) -> None:  # fmt: skip
    """Endorse a picture under a tag of its own, and subscribe to that for a cloud."""
    configure(cloud, openstack, picture, name, more)
    cloud.say(picture.draft(*locations, tags=(picture.identifier,), **fields))


def offer_both(cloud: Cloud, openstack: OpenStack, picture: Picture, url: str, more: str = "") -> None:
    """The same for a cloud without Keystone and a folder."""
    tag = picture.identifier
    cloud.configure(
        subscription=f'tag = "alice@images.example.org/{tag}"',
        store='type = "directory"\n[[store]]\nname = "cloud"\ntype = "glance"\ncloud = "open"\n'
        f'clouds = "{openstack.folder}/clouds.yaml"\n{more}',
    )
    cloud.file.write_text(cloud.file.read_text().replace('stores = ["pool"]', 'stores = ["pool", "cloud"]'))
    cloud.say(picture.draft(url, tags=(tag,)))
