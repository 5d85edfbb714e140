"""Settings: defaults, precedence, and faults that are all named at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketplace.config import ConfigurationError, Settings, load_settings, setting_names, variable_name


def faults_of(values: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_mapping(values)
    return caught.value.faults


def test_defaults_are_a_working_configuration(tmp_path: Path) -> None:
    settings = Settings.from_mapping({"data": str(tmp_path)})
    assert settings.upload.legacy == "refuse"
    assert settings.database_url == f"sqlite:///{tmp_path}/marketplace.sqlite"


def test_environment_wins_over_the_file_and_options_over_both(tmp_path: Path) -> None:
    ini = tmp_path / "site.ini"
    ini.write_text(
        "[app:main]\nuse = egg:image-marketplace\nupload.legacy = accept\nserver.port = 1\nlist.cap = 77\n"
    )
    settings = load_settings(
        ini, {"MARKETPLACE_SERVER_PORT": "2", "MARKETPLACE_UPLOAD_LEGACY": "refuse"}, {"server.port": "3"}
    )
    assert (settings.upload.legacy, settings.server.port, settings.list.cap) == ("refuse", 3, 77)


def test_every_fault_is_named_in_one_go() -> None:
    faults = faults_of(
        {"upload.legcy": "x", "upload.legacy": "maybe", "server.port": "99999", "site.url": "ftp://x"}
    )
    assert len(faults) == 4
    text = "\n".join(faults)
    assert "upload.legcy: unknown setting; did you mean upload.legacy?" in text
    assert "MARKETPLACE_SERVER_PORT" in text and "'99999'" in text
    assert "site.url" in text and "http or https" in text


def test_a_wrong_environment_variable_is_a_fault() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(None, {"MARKETPLACE_UPLOAD_LEGACI": "accept", "MARKETPLACE_LIST_CAP": "x"})
    wrong_name, wrong_value = caught.value.faults
    assert wrong_name == "MARKETPLACE_UPLOAD_LEGACI: unknown setting; did you mean MARKETPLACE_UPLOAD_LEGACY?"
    assert "MARKETPLACE_LIST_CAP" in wrong_value


def test_variables_of_container_platforms_are_left_alone() -> None:
    platform = {"MARKETPLACE_SERVICE_HOST": "10.0.0.1", "MARKETPLACE_PORT": "tcp://10.0.0.1:80"}
    assert load_settings(None, platform) == Settings()


@pytest.mark.parametrize(
    "url", ["mysql://user:secret@host/db", "sqlite://", "sqlite:///:memory:?secret", "nonsense secret"]
)
def test_a_database_url_that_cannot_work_is_refused_without_showing_it(url: str) -> None:
    faults = faults_of({"database.url": url})
    assert len(faults) == 1 and faults[0].startswith("database.url")
    assert "secret" not in faults[0]


def test_postgresql_urls_get_the_driver_that_is_installed() -> None:
    settings = Settings.from_mapping({"database.url": "postgresql://u:p%40ss@localhost/m"})
    assert settings.database_url == "postgresql+psycopg://u:p%40ss@localhost/m"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "http://127.0.0.1:6543"),
        ({"server.port": "7000"}, "http://127.0.0.1:7000"),
        ({"server.host": "0.0.0.0", "server.port": "7000"}, "http://127.0.0.1:7000"),
        ({"server.port": "7000", "site.url": "https://mp.example.org/"}, "https://mp.example.org"),
    ],
)
def test_links_follow_the_address_unless_a_public_url_is_given(given: dict[str, str], url: str) -> None:
    assert Settings.from_mapping(given).site.url == url


def test_an_empty_value_means_the_default() -> None:
    assert Settings.from_mapping({"database.url": "", "upload.legacy": " "}) == Settings()


def test_settings_of_the_framework_may_stand_beside_ours() -> None:
    assert (
        Settings.from_mapping({"use": "egg:image-marketplace", "pyramid.reload_templates": "true"})
        == Settings()
    )


@pytest.mark.parametrize("text", ["no section", "[app:other]\nx = 1\n", "[app:main]\ndata = %(nowhere)s\n"])
def test_a_file_that_is_no_settings_file_is_named(tmp_path: Path, text: str) -> None:
    ini = tmp_path / "broken.ini"
    ini.write_text(text)
    with pytest.raises(ConfigurationError, match=r"broken\.ini"):
        load_settings(ini, {})


def test_a_file_of_settings_without_a_section_is_told_which_one_it_needs(tmp_path: Path) -> None:
    ini = tmp_path / "site.ini"
    ini.write_text("site.url = https://marketplace.example.org\n")
    with pytest.raises(ConfigurationError, match=r"write \[app:main\] in a line above"):
        load_settings(ini, {})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_settings(tmp_path / "absent.ini", {})


def test_every_setting_has_a_meaning_and_its_own_variable() -> None:
    names = dict(setting_names())
    assert all(names.values())
    assert len({variable_name(name) for name in names}) == len(names)


def test_the_operators_page_and_the_example_file_name_every_setting() -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs" / "operations.md").read_text()
    example = (root / "development.ini").read_text()
    for name, _ in setting_names():
        assert f"| `{name}` |" in page, f"docs/operations.md does not tell of {name}"
        assert f"{name} =" in example, f"development.ini does not show {name}"


def test_a_registry_that_nobody_could_upload_to_is_named_at_the_start() -> None:
    (fault,) = faults_of({"upload.require": "chain"})
    assert "trust.anchors" in fault
    (fault,) = faults_of({"upload.require": "allowlist", "trust.anchors": "ca.pem"})
    assert "trust.allowlist" in fault
    Settings.from_mapping({"upload.require": "chain", "trust.anchors": "ca.pem"})


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("::1", "http://[::1]:8080"),
        ("::", "http://[::1]:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("2001:db8::5", "http://[2001:db8::5]:8080"),
        ("images.example.org", "http://images.example.org:8080"),
    ],
)
def test_the_public_url_follows_the_address_listened_on(host: str, url: str) -> None:
    assert Settings.from_mapping({"server.host": host, "server.port": "8080"}).site.url == url


def test_trusted_proxies_are_addresses_and_networks() -> None:
    settings = Settings.from_mapping({"server.trusted_proxy": "10.0.0.0/8, 127.0.0.1 , ::1"})
    assert settings.server.trusted_proxy == ("10.0.0.0/8", "127.0.0.1/32", "::1/128")
    for wrong in ("proxy.example.org", "10.0.0.1/8", "10.0.0.0/8 127.0.0.1", "*"):
        with pytest.raises(ConfigurationError, match=r"10\.0\.0\.0/8"):
            Settings.from_mapping({"server.trusted_proxy": wrong})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"oidc.issuer": "https://login.example.org"}, "oidc.issuer needs oidc.client_id"),
        ({"oidc.issuer": "http://login.example.org"}, "must be an https URL"),
        ({"oidc.issuer": "https://me@login.example.org"}, "must be an https URL"),
        ({"oidc.issuer": "https://login.example.org/?a=b"}, "must be an https URL"),
        ({"oidc.scopes": "email"}, "must contain openid"),
        ({"oidc.groups": "staff"}, "must be VALUE=GROUP"),
        ({"oidc.unverified_email": "maybe"}, "refuse"),
        (
            {"oidc.client_secret": "hidden", "oidc.client_secret_file": "/x"},
            "either oidc.client_secret or oidc.client_secret_file",
        ),
    ],
)
def test_a_sign_in_provider_that_cannot_be_used_is_named_at_the_start(settings, said) -> None:
    (fault,) = faults_of(settings)
    assert said in fault and "hidden" not in fault


def test_a_group_at_the_provider_may_have_an_equals_sign_in_its_name() -> None:
    given = {
        "oidc.issuer": "https://a.example/",
        "oidc.client_id": "x",
        "oidc.groups": "cn=a=images, /b=astro",
    }
    oidc = Settings.from_mapping(given).oidc
    assert oidc.issuer == "https://a.example/" and oidc.display_title == "a.example"
    assert oidc.group_of() == {"cn=a": "images", "/b": "astro"}
