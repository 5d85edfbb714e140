"""The tables of site.toml that say where images are kept, one class for each type of store."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from marshmallow import ValidationError
from marshmallow.fields import Field

from marketplace.sites.setting_kinds import (
    DictOf,
    FilePath,
    HttpUrl,
    Name,
    Seconds,
    TableOf,
    Text,
    member,
    one_of,
)

_PROJECT = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,62}")
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,200}")


def _project(value: str) -> str:
    if not _PROJECT.fullmatch(value):
        raise ValueError("must be the id of a project, as `openstack project list` shows it")
    return value


def _bucket(value: str) -> str:
    if not _BUCKET.fullmatch(value):
        raise ValueError("must be the name of a bucket: 3 to 63 letters, digits, '.', '_', '-'")
    return value


def _prefix(value: str) -> str:
    if value and not (value.endswith("/") and _PREFIX.fullmatch(value) and ".." not in value):
        raise ValueError("must end with a slash and hold letters, digits, '.', '_', '-', '/' only")
    return value


@dataclass(frozen=True, kw_only=True)
class DirectoryTable:
    """A folder that users or hypervisors read images from."""

    name: str = member(Name())
    type: Literal["directory"] = member(one_of("directory"))
    path: Path = member(FilePath())
    keep_withdrawn: float = member(Seconds(), 30 * 86_400.0)


@dataclass(frozen=True, kw_only=True)
class LibvirtTable:
    """A storage pool of libvirt, of type ``dir``."""

    name: str = member(Name())
    type: Literal["libvirt"] = member(one_of("libvirt"))
    pool: str = member(Name())
    path: Path = member(FilePath())
    uri: str = member(Text(), "qemu:///system")
    keep_withdrawn: float = member(Seconds(), 30 * 86_400.0)


@dataclass(frozen=True, kw_only=True)
class GlanceTable:
    """The image service of an OpenStack cloud.

    Args:
        cloud: its name in clouds.yaml.
        clouds: that file; None: the one that OpenStack's own clients would read.
        visibility: of images that everybody may see, once they are proven.
        projects: group of the marketplace -> id of the project whose members may start its images.
        via: whether Glance fetches by itself where it can (auto), always or never.
        on_withdraw: what is done with an image that may not be used any more.
        idle: seconds without a byte after which a request is given up.
        import_timeout: seconds without progress after which a fetch of Glance counts as dead.
    """

    name: str = member(Name())
    type: Literal["glance"] = member(one_of("glance"))
    cloud: str = member(Text())
    clouds: Path | None = member(FilePath(), None)
    visibility: Literal["private", "shared", "community", "public"] = member(
        one_of("private", "shared", "community", "public"), "shared"
    )
    projects: dict[str, str] = member(DictOf(Text(_project)), factory=dict)
    via: Literal["auto", "web-download", "stream"] = member(one_of("auto", "web-download", "stream"), "auto")
    on_withdraw: Literal["deactivate", "hide", "delete"] = member(
        one_of("deactivate", "hide", "delete"), "deactivate"
    )
    idle: float = member(Seconds(0, 3600, above=True), 60.0)
    import_timeout: float = member(Seconds(0, 86_400, above=True), 600.0)
    keep_withdrawn: float = member(Seconds(), 30 * 86_400.0)


@dataclass(frozen=True, kw_only=True)
class S3Table:
    """A bucket of object storage that speaks S3.

    Args:
        endpoint: URL of the storage; None: Amazon's.
        prefix: in front of every object's name, with the slash at its end.
        credentials, profile: a file as ``~/.aws/credentials``, and whose of it; None: as Amazon's own
            clients find them (environment, that file, the machine's role).
        cacert: file of authorities; None: the usual ones.
        addressing: whether the bucket stands in the path or in the host.
        idle: seconds without a byte after which a request is given up.
    """

    name: str = member(Name())
    type: Literal["s3"] = member(one_of("s3"))
    bucket: str = member(Text(_bucket))
    endpoint: str | None = member(HttpUrl(), None)
    region: str | None = member(Text(), None)
    prefix: str = member(Text(_prefix), "")
    credentials: Path | None = member(FilePath(), None)
    profile: str | None = member(Text(), None)
    cacert: Path | None = member(FilePath(), None)
    addressing: Literal["auto", "path", "virtual"] = member(one_of("auto", "path", "virtual"), "auto")
    idle: float = member(Seconds(0, 3600, above=True), 60.0)
    keep_withdrawn: float = member(Seconds(), 30 * 86_400.0)


StoreTable = DirectoryTable | LibvirtTable | GlanceTable | S3Table
#: The type of a store -> its table.
STORES: Final[dict[str, type[Any]]] = {
    "directory": DirectoryTable,
    "glance": GlanceTable,
    "libvirt": LibvirtTable,
    "s3": S3Table,
}


class StoreOf(Field[Any]):
    """A store; its type says which members it has."""

    def __init__(self) -> None:
        super().__init__()
        self._kinds = {name: TableOf(table) for name, table in STORES.items()}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        if not isinstance(value, dict):
            raise ValidationError("must be a table")
        kinds = ", ".join(STORES)
        if "type" not in value:
            raise ValidationError(f"needs a type: {kinds}")
        kind = value["type"]
        if not isinstance(kind, str) or kind not in STORES:
            raise ValidationError(f"has the type {kind!r}; this version has the store types {kinds}")
        return self._kinds[kind].deserialize(value)
