"""The tables of site.toml that say where images are kept, one class for each type of store."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from marketplace.sites.setting_kinds import HttpUrl, Name, Seconds, Table

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


class DirectoryTable(Table):
    """A folder that users or hypervisors read images from."""

    name: Name
    type: Literal["directory"]
    path: Path
    keep_withdrawn: Seconds = Field(30 * 86_400, ge=0)


class LibvirtTable(Table):
    """A storage pool of libvirt, of type ``dir``."""

    name: Name
    type: Literal["libvirt"]
    pool: Name
    path: Path
    uri: str = "qemu:///system"
    keep_withdrawn: Seconds = Field(30 * 86_400, ge=0)


class GlanceTable(Table):
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

    name: Name
    type: Literal["glance"]
    cloud: str
    clouds: Path | None = None
    visibility: Literal["private", "shared", "community", "public"] = "shared"
    projects: dict[str, Annotated[str, AfterValidator(_project)]] = Field(default_factory=dict)
    via: Literal["auto", "web-download", "stream"] = "auto"
    on_withdraw: Literal["deactivate", "hide", "delete"] = "deactivate"
    idle: Seconds = Field(60, gt=0, le=3600)
    import_timeout: Seconds = Field(600, gt=0, le=86_400)
    keep_withdrawn: Seconds = Field(30 * 86_400, ge=0)


class S3Table(Table):
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

    name: Name
    type: Literal["s3"]
    bucket: Annotated[str, AfterValidator(_bucket)]
    endpoint: HttpUrl | None = None
    region: str | None = None
    prefix: Annotated[str, AfterValidator(_prefix)] = ""
    credentials: Path | None = None
    profile: str | None = None
    cacert: Path | None = None
    addressing: Literal["auto", "path", "virtual"] = "auto"
    idle: Seconds = Field(60, gt=0, le=3600)
    keep_withdrawn: Seconds = Field(30 * 86_400, ge=0)


StoreTable = Annotated[DirectoryTable | LibvirtTable | GlanceTable | S3Table, Field(discriminator="type")]
