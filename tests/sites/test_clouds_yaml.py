"""clouds.yaml: what is supported is read as OpenStack's own clients read it, the rest is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from marketplace.sites.errors import SiteConfigurationError
from marketplace.sites.openstack.clouds import Cloud, read_cloud

AUTH = {
    "auth_url": "https://cloud.example.org:5000/v3",
    "username": "u",
    "password": "hush",
    "project_name": "p",
    "user_domain_name": "Default",
    "project_domain_id": "default",
}


def read(folder: Path, secure: Any = None, **fields: Any) -> Cloud:
    file = folder / "clouds.yaml"
    file.write_text(yaml.safe_dump({"clouds": {"site": {"auth": AUTH} | fields}}))
    if secure is not None:
        (folder / "secure.yaml").write_text(yaml.safe_dump({"clouds": {"site": secure}}))
    return read_cloud("site", file, {})


def test_a_password_is_read_with_its_domains(tmp_path: Path) -> None:
    found = read(tmp_path, region_name="R", interface="internal")
    assert (found.auth_url, found.region, found.interface) == (
        "https://cloud.example.org:5000",
        "R",
        "internal",
    )
    user = found.identity["identity"]["password"]["user"]
    assert user == {"name": "u", "domain": {"name": "Default"}, "password": "hush"}
    assert found.identity["scope"] == {"project": {"name": "p", "domain": {"id": "default"}}}


def test_secrets_may_stand_in_a_file_beside(tmp_path: Path) -> None:
    auth = {key: value for key, value in AUTH.items() if key != "password"}
    found = read(tmp_path, {"auth": {"password": "beside"}}, auth=auth)
    assert found.identity["identity"]["password"]["user"]["password"] == "beside"


def test_an_application_credential_needs_no_project(tmp_path: Path) -> None:
    auth = {
        "auth_url": AUTH["auth_url"],
        "application_credential_id": "i",
        "application_credential_secret": "s",
    }
    found = read(tmp_path, auth=auth, auth_type="v3applicationcredential")
    assert found.identity == {
        "identity": {
            "methods": ["application_credential"],
            "application_credential": {"id": "i", "secret": "s"},
        }
    }


def test_older_names_are_read(tmp_path: Path) -> None:
    auth = {key: value for key, value in AUTH.items() if key != "project_name"} | {"tenant_name": "old"}
    found = read(tmp_path, auth=auth, endpoint_type="internalURL", regions=["only"], volume_api_version="3")
    assert found.identity["scope"]["project"]["name"] == "old"
    assert (found.interface, found.region) == ("internal", "only")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"profile": "vexxhost"}, "profile is not supported here; write out"),
        ({"verify": False}, "cacert"),
        ({"insecure": True}, "cacert"),
        ({"auth_type": "v3oidcpassword"}, "v3oidcpassword is not supported"),
        ({"auth_type": "v3token"}, "v3token is not supported"),
        ({"auth_type": "none", "auth": {}}, "needs auth.endpoint"),
        ({"identity_api_version": 2}, "must be 3"),
        ({"image_api_version": "1"}, "must be 2"),
        ({"regions": ["a", "b"]}, "region_name"),
        ({"interface": "secret"}, "interface secret"),
        ({"auth": AUTH | {"trust_id": "x"}}, "auth.trust_id is not supported"),
        ({"auth": AUTH | {"system_scope": "all"}}, "auth.system_scope is not supported"),
        ({"auth": AUTH | {"auth_url": "cloud:5000"}}, "auth.auth_url"),
        ({"auth": {"auth_url": AUTH["auth_url"]}}, "password is missing"),
        ({"cacert": "nowhere.pem"}, "nowhere.pem"),
        ({"colour": "blue"}, "colour is not supported"),
        ({"auth": "x"}, "auth_url"),
    ],
)
def test_what_is_not_supported_is_named(tmp_path: Path, fields: dict[str, Any], told: str) -> None:
    with pytest.raises(SiteConfigurationError) as found:
        read(tmp_path, **fields)
    assert told in str(found.value) and "hush" not in str(found.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "clouds: 3", "clouds: {other: {}}", "a: [", "\0", "clouds: {site: 1}"]
)
def test_a_file_without_the_cloud_is_told_without_its_content(tmp_path: Path, text: str) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_text(text)
    with pytest.raises(SiteConfigurationError, match=r"clouds\.yaml"):
        read_cloud("site", file, {})
    with pytest.raises(SiteConfigurationError, match="cannot be read"):
        read_cloud("site", tmp_path / "nothing.yaml", {})


def test_where_it_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SiteConfigurationError):
        read_cloud("site", None, {"OS_CLIENT_CONFIG_FILE": str(tmp_path / "x.yaml")})
    read(tmp_path)
    assert read_cloud("site", None, {}).name == "site"
