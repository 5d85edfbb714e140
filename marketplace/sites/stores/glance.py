"""OpenStack's image service as a store.

An image is private and hidden until ``show``. Glance never changes the bytes of an image
that is active and makes a SHA-512 of them (``os_hash_value``), so what was proven once stays
so. An id can never be used again once it is deleted: each attempt has another one, made of
site, store, image and attempt, so that a request whose answer got lost can be repeated.

Source: https://docs.openstack.org/api-ref/image/v2/
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit
from uuid import UUID, uuid5

import httpx

from marketplace.sites.errors import NameBurntError, SiteConfigurationError, StoreError
from marketplace.sites.openstack.clouds import read_cloud
from marketplace.sites.openstack.session import CloudSession
from marketplace.sites.store_settings import GlanceTable
from marketplace.sites.stores.glance_images import (
    Counted,
    is_complete,
    is_visible,
    one_line,
    properties,
    stored_of,
)
from marketplace.sites.stores.glance_import import Import
from marketplace.sites.stores.interface import ImageProperties, Part, StoredImage

_PATCH: Final = "application/openstack-images-v2.1-json-patch"
_SPACE: Final = UUID("6c8e1a1e-3f0b-5c64-9a39-6b1df0c6a2a5")
#: Formats whose first bytes tell whether they are safe, so that Glance may fetch them unseen.
_BY_START: Final = frozenset({"qcow2", "raw", "iso"})
_FORMATS: Final = frozenset({"qcow2", "raw", "iso", "vmdk", "vdi", "vhd", "vhdx"})
_PAGE: Final = 500
#: Pages of a listing; more than these are not of one site.
_MOST_PAGES: Final = 1000


class GlanceStore:
    """Images in a project of a cloud.

    Args:
        site: the name of this site; part of the tag.
    """

    def __init__(self, table: GlanceTable, site: str) -> None:
        self.name = table.name
        self._table = table
        self._site = site
        self._tag = f"marketplace:{site}"

    @cached_property
    def _session(self) -> CloudSession:
        try:
            cloud = read_cloud(self._table.cloud, self._table.clouds)
        except SiteConfigurationError as error:
            raise StoreError(f"store {self.name}: {error}") from None
        return CloudSession(cloud, self.name, self._table.idle)

    @cached_property
    def _methods(self) -> frozenset[str]:
        """The ways in which this cloud imports."""
        answer = self._session.ask("GET", "/v2/info/import", allowed=(404,))
        said = answer.json.get("import-methods") if answer.status == 200 else None
        value = said.get("value") if isinstance(said, dict) else None
        return frozenset(map(str, value)) if isinstance(value, list) else frozenset()

    def check(self) -> list[str]:
        """See ``Store``."""
        try:
            self._session.ask("GET", "/v2/images?limit=1")
            if self._table.via == "web-download" and "web-download" not in self._methods:
                return [f'store {self.name}: this cloud offers no web-download; set via = "auto"']
        except StoreError as error:
            return [str(error)]
        return []

    def about(self) -> str:
        """See ``Store``."""
        fetches = self._table.via != "stream" and "web-download" in self._methods
        how = "Glance fetches by itself where it can" if fetches else "the site sends every byte"
        project = self._session.project
        return (
            f"Glance at {self._session.endpoint}" + (f", project {project}" if project else "") + f"; {how}"
        )

    def reserve(self, facts: ImageProperties, attempt: int) -> str:
        """See ``Store``."""
        if facts.format not in _FORMATS:
            raise StoreError(f"store {self.name}: Glance has no disk format {facts.format!r}")
        name = "\n".join((self._site, self.name, facts.digest, facts.identifier, str(attempt)))
        external = str(uuid5(_SPACE, name))
        if self._find(external) is not None:
            return external
        said = properties(self._site, facts) | {
            "id": external,
            "name": one_line(facts.title),
            "disk_format": facts.format,
            "container_format": "bare",
            "visibility": "private",
            "os_hidden": True,
            "tags": [self._tag],
        }
        answer = self._session.ask("POST", "/v2/images", allowed=(409,), json=said)
        # The answer to a first try may have been lost. Else the id was used and deleted.
        if answer.status == 409 and self._find(external) is None:
            raise NameBurntError(f"store {self.name}: the id {external} was used and deleted before")
        return external

    def part(self, external: str) -> Part:
        """Glance goes on with nothing."""
        return Part(Path(), 0, "", "")

    def fill(self, external: str, blocks: Iterator[bytes], source: str, tag: str | None, have: int) -> int:
        """See ``Store``."""
        if self._table.via == "web-download":
            raise StoreError(
                f'store {self.name}: takes only what Glance fetches by itself (via = "web-download")'
            )
        image = self._get(external)
        if is_complete(image):
            # The last call reached Glance: the same bytes are welcome once more, no others.
            counted = Counted(blocks)
            for _ in counted:
                pass
            if counted.digest != image.get("os_hash_value"):
                raise NameBurntError(
                    f"store {self.name}: {external} has other bytes, which nobody can change"
                )
            return counted.size
        if image["status"] != "queued":
            raise NameBurntError(f"store {self.name}: {external} is {image['status']}")
        counted = Counted(blocks)
        path = f"/v2/images/{external}/file"
        headers = {"Content-Type": "application/octet-stream"}
        try:
            with self._session.stream("PUT", path, content=iter(counted), headers=headers) as response:
                self._session.judge(self._session.read(response), "PUT", path)
        except httpx.TransportError as error:
            raise self._session.error(path, error) from None
        stored = self._get(external).get("os_hash_value")
        if stored != counted.digest:
            raise StoreError(
                f"store {self.name}: Glance has other bytes of {external} than it was sent "
                f"(SHA-512 {str(stored)[:16]}… instead of {counted.digest[:16]}…)"
            )
        return counted.size

    def fetches(self, facts: ImageProperties, url: str) -> bool:
        """See ``Store``."""
        return (
            self._table.via != "stream"
            and facts.digest.startswith("sha512:")
            and facts.format in _BY_START
            and urlsplit(url).scheme in ("https", "http")
            and "web-download" in self._methods
        )

    def fetch(
        self, external: str, facts: ImageProperties, url: str, find_stop: Callable[[], str | None]
    ) -> None:
        """See ``Store``."""
        Import(self._session, self.name, external, self._table.import_timeout).run(facts, url, find_stop)

    def drop(self, external: str) -> None:
        """See ``Store``."""
        image = self._find(external)
        if image is not None and image["status"] != "queued" and not is_visible(image):
            self.remove(external)

    def look(self, external: str) -> StoredImage | None:
        """See ``Store``."""
        image = self._find(external)
        return None if image is None or not is_complete(image) else stored_of(image)

    def content(self, external: str, most: int | None = None) -> Iterator[bytes]:
        """See ``Store``."""
        path = f"/v2/images/{external}/file"
        headers = {} if most is None else {"Range": f"bytes=0-{most - 1}"}
        left = most
        try:
            with self._session.stream("GET", path, headers=headers) as response:
                if response.status_code >= 300:
                    self._session.judge(self._session.read(response), "GET", path)
                for piece in response.iter_raw():
                    yield piece if left is None else piece[:left]
                    if left is not None and (left := left - len(piece)) <= 0:
                        return
        except httpx.TransportError as error:
            raise self._session.error(path, error) from None

    def proven(self, external: str, digest: str) -> str | None:
        """See ``Store``."""
        image = self._get(external)
        found = image.get("os_hash_value")
        if image.get("os_hash_algo") != "sha512" or not isinstance(found, str) or not is_complete(image):
            return None
        kind, _, value = digest.partition(":")
        if kind == "sha512":
            return "" if found == value else f"has the sha512 {found[:16]}…, endorsed is {value[:16]}…"
        # Written down once the bytes had been read and proven by a digest that Glance does not make.
        return "" if image.get("mp_sha512") == found and image.get("mp_digest") == digest else None

    def show(self, external: str) -> None:
        """See ``Store``."""
        image = self._get(external)
        groups = {one for one in str(image.get("mp_groups", "")).split(",") if one}
        visibility = "shared" if groups else self._table.visibility
        projects = {id_ for group, id_ in self._table.projects.items() if not groups or group in groups}
        if image["status"] == "deactivated":
            self._session.ask("POST", f"/v2/images/{external}/actions/reactivate")
        self._change(image, {"visibility": visibility, "mp_sha512": str(image.get("os_hash_value"))})
        if visibility == "shared":
            self._share(external, projects)
        self._change(self._get(external), {"os_hidden": False, "mp_state": "available"})

    def hide(self, external: str) -> None:
        """See ``Store``."""
        image = self._find(external)
        if image is None or self._table.on_withdraw == "delete":
            self.remove(external)
            return
        self._conceal(image, "withdrawn", deactivate=self._table.on_withdraw == "deactivate")

    def quarantine(self, external: str) -> None:
        """See ``Store``."""
        image = self._find(external)
        if image is not None and is_complete(image):
            self._conceal(image, "quarantined", deactivate=True)
        else:
            self.remove(external)

    def remove(self, external: str) -> None:
        """See ``Store``."""
        if self._find(external) is not None:
            self._session.ask("DELETE", f"/v2/images/{external}", allowed=(404,))

    def ours(self) -> Iterable[StoredImage]:
        """See ``Store``."""
        for hidden in ("true", "false"):
            query = {"tag": self._tag, "os_hidden": hidden, "limit": str(_PAGE)}
            if self._session.project is not None:
                query["owner"] = self._session.project
            path: str | None = "/v2/images?" + urlencode(query)
            for _ in range(_MOST_PAGES):
                if path is None:
                    break
                page = self._session.ask("GET", path).json
                yield from (stored_of(one) for one in page.get("images", []) if self._is_ours(one))
                path = page.get("next")
                if path is not None and not str(path).startswith("/v2/images?"):
                    raise StoreError(f"store {self.name}: the next page of Glance's list is at {path!r}")

    def key(self, external: str) -> str:
        """See ``Store``."""
        return f"glance:{external}"

    def path(self, external: str) -> Path | None:
        """Images of a cloud are no files."""
        return None

    def refuses(self, facts: ImageProperties, data: bytes) -> bool:
        """Whether Glance itself refuses some bytes; nothing is left of them.

        Raises:
            StoreError: Glance does not answer, or cannot be asked.
        """
        external = self.reserve(facts, time.time_ns())
        path = f"/v2/images/{external}/file"
        headers = {"Content-Type": "application/octet-stream"}
        try:
            answer = self._session.ask("PUT", path, allowed=(400, 415), content=data, headers=headers)
            return answer.status in (400, 415)
        finally:
            self.remove(external)

    def _find(self, external: str) -> dict[str, Any] | None:
        answer = self._session.ask("GET", f"/v2/images/{external}", allowed=(404,))
        if answer.status == 404:
            return None
        image = answer.json
        if not self._is_ours(image):
            # A Glance whose database fails between image and tags leaves such images, for ever.
            raise NameBurntError(f"store {self.name}: the image {external} is there, and not of this site")
        return image

    def _get(self, external: str) -> dict[str, Any]:
        image = self._find(external)
        if image is None:
            raise NameBurntError(f"store {self.name}: {external} is not there any more")
        return image

    def _is_ours(self, image: dict[str, Any]) -> bool:
        project = self._session.project
        return self._tag in image.get("tags", []) and project in (None, image.get("owner"))

    def _conceal(self, image: dict[str, Any], state: str, *, deactivate: bool) -> None:
        external = image["id"]
        if deactivate and image["status"] == "active":
            # What keeps machines from starting comes first.
            self._session.ask("POST", f"/v2/images/{external}/actions/deactivate")
        self._change(image, {"os_hidden": True, "visibility": "private", "mp_state": state})

    def _change(self, image: dict[str, Any], wanted: dict[str, Any]) -> None:
        changes = [
            {"op": "replace" if name in image else "add", "path": f"/{name}", "value": value}
            for name, value in wanted.items()
            if image.get(name) != value
        ]
        if changes:
            headers = {"Content-Type": _PATCH}
            self._session.ask(
                "PATCH", f"/v2/images/{image['id']}", content=json.dumps(changes).encode(), headers=headers
            )

    def _share(self, external: str, projects: set[str]) -> None:
        path = f"/v2/images/{external}/members"
        there = {str(one["member_id"]) for one in self._session.ask("GET", path).json.get("members", [])}
        for one in sorted(there - projects):
            self._session.ask("DELETE", f"{path}/{one}", allowed=(404,))
        for one in sorted(projects - there):
            self._session.ask("POST", path, allowed=(409,), json={"member": one})
