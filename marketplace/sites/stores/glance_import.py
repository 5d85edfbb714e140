"""Has Glance fetch an image by itself (``web-download``), and waits until it is there or given up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from marketplace.sites.errors import CancelledError, ConvertedError, FetchError, NameBurntError
from marketplace.sites.openstack.session import CloudSession
from marketplace.sites.stores.interface import ImageProperties

#: Seconds between two looks: the first, and the most.
_FIRST, _MOST = 0.1, 2.0


class Import:
    """One import of one image.

    Args:
        patience: seconds without progress after which it counts as dead.
    """

    def __init__(self, session: CloudSession, store: str, external: str, patience: float) -> None:
        self._session = session
        self._store = store
        self._external = external
        self._patience = patience
        self._path = f"/v2/images/{external}"

    def run(self, facts: ImageProperties, url: str, find_stop: Callable[[], str | None]) -> None:
        """Begin it, unless it is under way, and wait for its end.

        Raises:
            FetchError, ConvertedError, CancelledError, NameBurntError, StoreError: as ``Store.fetch``.
        """
        image = self._look()
        if image["status"] == "queued":
            method = {"name": "web-download", "uri": url}
            answer = self._session.ask(
                "POST", f"{self._path}/import", allowed=(400, 409), json={"method": method}
            )
            if answer.status == 400:
                raise FetchError(f"{url}: Glance does not fetch from there: {answer.reason}", own_doing=True)
        elif image["status"] != "importing":
            raise NameBurntError(f"store {self._store}: {self._external} is {image['status']}")
        image = self._wait(url, find_stop)
        if image.get("disk_format") != facts.format or image.get("size") != facts.size:
            raise ConvertedError(
                f"{url}: Glance made {image.get('disk_format')} of {image.get('size')} bytes of it, "
                f"endorsed is {facts.format} of {facts.size}: this cloud converts, "
                "or the location has another file"
            )

    def _look(self) -> dict[str, Any]:
        answer = self._session.ask("GET", self._path, allowed=(404,))
        if answer.status == 404:
            raise NameBurntError(f"store {self._store}: {self._external} is not there any more")
        return answer.json

    def _wait(self, url: str, find_stop: Callable[[], str | None]) -> dict[str, Any]:
        pause, seen, since = _FIRST, "", time.monotonic()
        while True:
            image = self._look()
            if image["status"] == "active":
                return image
            tasks = self._tasks()
            if image.get("os_glance_failed_import") or _failed(tasks):
                # Why is not told, so nothing is said of the location. What Glance keeps of the import
                # would be taken for the failure of the next one.
                self._forget()
                raise FetchError(f"{url}: Glance did not get it: {_message(tasks)}", own_doing=True)
            if (reason := find_stop()) is not None:
                self._forget()
                raise CancelledError(reason)
            if image["status"] not in ("queued", "importing"):
                raise NameBurntError(f"store {self._store}: {self._external} is {image['status']}")
            progress = f"{image['status']} {image.get('updated_at')} {_message(tasks)}"
            if progress != seen:
                seen, since = progress, time.monotonic()
            elif time.monotonic() - since > self._patience:
                # Glance was killed: nothing ever ends such an import, and its id is lost with it.
                self._forget()
                raise NameBurntError(
                    f"{url}: Glance made no progress for {self._patience:.0f} s; the image is made anew"
                )
            time.sleep(pause)  # Glance tells nobody: it is asked again
            pause = min(pause * 1.5, _MOST)

    def _tasks(self) -> list[dict[str, Any]]:
        answer = self._session.ask("GET", f"{self._path}/tasks", allowed=(403, 404))
        said = answer.json.get("tasks", []) if answer.status == 200 else []
        tasks = [one for one in said if isinstance(one, dict)] if isinstance(said, list) else []
        return sorted(tasks, key=lambda one: str(one.get("created_at", "")))[-1:]

    def _forget(self) -> None:
        self._session.ask("DELETE", self._path, allowed=(404,))


def _failed(tasks: list[dict[str, Any]]) -> bool:
    return bool(tasks) and tasks[-1].get("status") == "failure"


def _message(tasks: list[dict[str, Any]]) -> str:
    return (
        " ".join(str(tasks[-1].get("message") or "gives no reason").split())[:300]
        if tasks
        else "gives no reason"
    )
