"""Reads one cloud of ``clouds.yaml``, by the rules of openstacksdk's os-client-config.

What is supported is listed here; every other member that would change how a cloud is
asked is refused by name, because leaving it out in silence would ask another cloud, or
the same one in a less safe way.

Source: https://docs.openstack.org/openstacksdk/latest/user/config/configuration.html
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from marketplace.sites.errors import SiteConfigurationError

_MOST_BYTES: Final = 1 << 20
#: Folders that are looked through, in this order.
_FOLDERS: Final = (Path(), Path.home() / ".config" / "openstack", Path("/etc/openstack"))
_ENDINGS: Final = (".yaml", ".yml", ".json")
#: Members that say something about other services, or nothing that matters here.
_OTHERS: Final = (
    "compute_", "network_", "volume_", "block_storage_", "object_store_", "dns_", "orchestration_",
    "baremetal_", "load_balancer_", "container_infra_", "key_manager_", "shared_file_system_", "placement_",
    "message_", "metric_", "workflow_", "floating_ip_", "volumev2_", "volumev3_",
)  # fmt: skip
_HARMLESS: Final = frozenset(
    {"image_format", "networks", "vendor_hook", "secgroup_source", "requires_floating_ip", "nat_source"}
)
_KNOWN: Final = frozenset(
    {
        "auth", "auth_type", "region_name", "regions", "interface", "endpoint_type", "identity_api_version",
        "image_api_version", "image_endpoint_override", "image_interface", "image_endpoint_type",
        "cacert", "cert", "key", "verify", "insecure",
    }
)  # fmt: skip
_PASSWORD: Final = ("password", "v3password")
_CREDENTIAL: Final = ("v3applicationcredential",)
_NONE: Final = ("none",)
#: Older names of members of ``auth``.
_ALIASES: Final = {"tenant_name": "project_name", "tenant_id": "project_id", "user_name": "username"}
_AUTH: Final = frozenset(
    {
        "auth_url", "username", "user_id", "password", "user_domain_name", "user_domain_id",
        "project_name", "project_id", "project_domain_name", "project_domain_id",
        "default_domain", "default_domain_id", "default_domain_name",
        "application_credential_id", "application_credential_name", "application_credential_secret",
        "endpoint",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cloud:
    """How a cloud is asked.

    Args:
        auth_url: of Keystone, without ``/v3``; empty where the cloud has none.
        identity: what is posted for a token; it has secrets, and is shown nowhere.
        endpoint: of Glance, where the catalogue is not to be asked.
        region, interface: of the endpoint in the catalogue; no region: any.
        cacert: file of authorities; None: the system's.
        cert, key: what this client shows of itself over TLS.
    """

    name: str
    auth_url: str
    identity: Mapping[str, Any]
    endpoint: str | None
    region: str | None
    interface: str
    cacert: Path | None
    cert: Path | None
    key: Path | None


def read_cloud(name: str, file: Path | None, environ: Mapping[str, str] = os.environ) -> Cloud:
    """Read a cloud, and the secrets that ``secure.yaml`` has of it.

    Args:
        file: the clouds.yaml to read; None: the one that OpenStack's own clients would read.

    Raises:
        SiteConfigurationError: there is no such cloud, or it cannot be used, naming every fault.
    """
    where = file or _find("clouds", environ.get("OS_CLIENT_CONFIG_FILE"))
    if where is None:
        folders = ", ".join(str(one) for one in _FOLDERS[1:])
        raise SiteConfigurationError(
            "clouds.yaml", [f"there is none in the current folder, {folders}; name one: clouds = FILE"]
        )
    clouds = _read(where).get("clouds")
    if not isinstance(clouds, dict) or not isinstance(clouds.get(name), dict):
        known = ", ".join(sorted(map(str, clouds))) if isinstance(clouds, dict) else ""
        raise SiteConfigurationError(
            str(where), [f"there is no cloud {name!r} in it" + (f"; it has {known}" if known else "")]
        )
    said = dict(clouds[name])
    beside = where.parent / "secure.yaml"
    secure = beside if file and beside.is_file() else _find("secure", environ.get("OS_CLIENT_SECURE_FILE"))
    if secure is not None:
        secrets = _read(secure).get("clouds")
        if isinstance(secrets, dict) and isinstance(secrets.get(name), dict):
            said = _merged(said, secrets[name])
    faults: list[str] = []
    cloud = _cloud(name, said, where.absolute().parent, faults)
    if faults:
        raise SiteConfigurationError(f"{where}, cloud {name}", faults)
    return cloud


def _find(stem: str, named: str | None) -> Path | None:
    if named:
        return Path(named)
    places = (folder / f"{stem}{ending}" for folder in _FOLDERS for ending in _ENDINGS)
    return next((one for one in places if one.is_file()), None)


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise SiteConfigurationError(str(file), ["it has more than 1 MiB"])
        read = yaml.safe_load(data)
    except OSError as error:
        raise SiteConfigurationError(str(file), [f"it cannot be read ({error.strerror})"]) from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        # The error's own text could show a line with a secret.
        mark = getattr(error, "problem_mark", None)
        at = f" (line {mark.line + 1})" if mark is not None else ""
        raise SiteConfigurationError(str(file), [f"it is not YAML{at}"]) from None
    return read if isinstance(read, dict) else {}


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    made = dict(under)
    for key, value in over.items():
        below = made.get(key)
        made[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return made


def _cloud(name: str, said: dict[str, Any], folder: Path, faults: list[str]) -> Cloud:
    said = {str(key).replace("-", "_"): value for key, value in said.items()}
    for key in sorted(set(said) - _KNOWN - _HARMLESS):
        if not key.startswith(_OTHERS):
            remedy = "; write out what the profile says" if key in ("profile", "cloud") else ""
            faults.append(f"{key} is not supported here{remedy}")
    if said.get("verify", True) not in (True, "true", "True") or said.get("insecure", False) not in (
        False, "false", "False",
    ):  # fmt: skip
        faults.append("TLS that proves nothing is not supported; name the authority instead: cacert")
    for key, version in (("identity_api_version", "3"), ("image_api_version", "2")):
        if str(said.get(key, version)).split(".")[0] != version:
            faults.append(f"{key} must be {version}")
    auth_type = str(said.get("auth_type", "password"))
    auth = said.get("auth", {})
    auth = {_ALIASES.get(key := str(k).replace("-", "_"), key): v for k, v in auth.items()} if isinstance(
        auth, dict
    ) else {}  # fmt: skip
    faults += [f"auth.{key} is not supported here" for key in sorted(set(auth) - _AUTH)]
    endpoint = said.get("image_endpoint_override") or auth.get("endpoint")
    identity: dict[str, Any] = {}
    auth_url = ""
    if auth_type in _NONE:
        if not endpoint:
            faults.append("auth_type none needs auth.endpoint or image_endpoint_override")
    elif auth_type in (*_PASSWORD, *_CREDENTIAL):
        auth_url = str(auth.get("auth_url") or "").rstrip("/").removesuffix("/v3").rstrip("/")
        if not _is_http(auth_url):
            faults.append("auth.auth_url must be the URL of Keystone, such as https://cloud.example.org:5000")
        identity = (_by_credential if auth_type in _CREDENTIAL else _by_password)(auth, faults)
    else:
        faults.append(
            f"auth_type {auth_type} is not supported here; there are v3applicationcredential, password, none"
        )
    if endpoint is not None and not _is_http(str(endpoint)):
        faults.append("the endpoint of Glance must be a URL")
    interface = said.get("image_interface") or said.get("image_endpoint_type") or said.get("interface")
    interface = str(interface or said.get("endpoint_type") or "public").removesuffix("URL")
    if interface not in ("public", "internal", "admin"):
        faults.append(f"interface {interface} is none of public, internal, admin")
    files = {
        key: folder / Path(str(said[key])).expanduser() for key in ("cacert", "cert", "key") if said.get(key)
    }
    faults += [f"{key}: there is no file {path}" for key, path in files.items() if not path.is_file()]
    return Cloud(
        name, auth_url, identity, None if endpoint is None else str(endpoint).rstrip("/"),
        _region(said, faults), interface, files.get("cacert"), files.get("cert"), files.get("key"),
    )  # fmt: skip


def _region(said: Mapping[str, Any], faults: list[str]) -> str | None:
    region, regions = said.get("region_name"), said.get("regions")
    if region:
        return str(region)
    if isinstance(regions, list) and regions:
        names = [str(one.get("name") if isinstance(one, dict) else one) for one in regions]
        if len(names) > 1:
            faults.append(f"has the regions {', '.join(names)}; choose one: region_name")
        return names[0]
    return None


def _by_credential(auth: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    if not auth.get("application_credential_secret"):
        faults.append("auth.application_credential_secret is missing")
    one: dict[str, Any] = {"secret": str(auth.get("application_credential_secret"))}
    if auth.get("application_credential_id"):
        one["id"] = str(auth["application_credential_id"])
    elif auth.get("application_credential_name"):
        one["name"] = str(auth["application_credential_name"])
        one["user"] = _user(auth, faults)
    else:
        faults.append("auth.application_credential_id is missing")
    return {"identity": {"methods": ["application_credential"], "application_credential": one}}


def _by_password(auth: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    if auth.get("password") is None:
        faults.append("auth.password is missing")
    user = _user(auth, faults) | {"password": str(auth.get("password"))}
    made: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
    if auth.get("project_id"):
        made["scope"] = {"project": {"id": str(auth["project_id"])}}
    elif auth.get("project_name"):
        domain = _domain(auth, "project", faults)
        made["scope"] = {"project": {"name": str(auth["project_name"]), "domain": domain}}
    else:
        faults.append("auth.project_name or auth.project_id is missing: images belong to a project")
    return made


def _user(auth: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    if auth.get("user_id"):
        return {"id": str(auth["user_id"])}
    if not auth.get("username"):
        faults.append("auth.username or auth.user_id is missing")
    return {"name": str(auth.get("username")), "domain": _domain(auth, "user", faults)}


def _domain(auth: Mapping[str, Any], whose: str, faults: list[str]) -> dict[str, str]:
    for kind, keys in (
        ("id", (f"{whose}_domain_id", "default_domain_id", "default_domain")),
        ("name", (f"{whose}_domain_name", "default_domain_name")),
    ):
        for key in keys:
            if auth.get(key):
                return {kind: str(auth[key])}
    faults.append(f"auth.{whose}_domain_name or auth.{whose}_domain_id is missing")
    return {}


def _is_http(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises ValueError where the port is no number
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query
