"""Which marketplace a client talks to, and how it says that none is configured."""

import pytest

from marketplace.client.endpoint import configuration_file, find_token, get_endpoint
from marketplace.client.errors import EndpointError


@pytest.fixture
def environ(tmp_path):
    return {"HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "config")}


def write(environ, text):
    path = configuration_file(environ)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_the_option_wins_then_the_variables_then_the_file(environ):
    write(environ, "[client]\nendpoint = http://file.example.org\n")
    assert get_endpoint(None, environ) == "http://file.example.org"
    environ["STRATUSLAB_MARKETPLACE_ENDPOINT"] = "http://old.example.org"
    assert get_endpoint(None, environ) == "http://old.example.org"
    environ["MARKETPLACE_ENDPOINT"] = "http://new.example.org"
    assert get_endpoint(None, environ) == "http://new.example.org"
    assert get_endpoint("http://option.example.org/", environ) == "http://option.example.org"


def test_an_empty_variable_is_as_good_as_none(environ):
    environ["MARKETPLACE_ENDPOINT"] = " "
    environ["STRATUSLAB_MARKETPLACE_ENDPOINT"] = "https://old.example.org:8443/base/"
    assert get_endpoint(None, environ) == "https://old.example.org:8443/base"


def test_the_file_lies_in_the_home_folder_unless_xdg_says_otherwise(tmp_path):
    home = {"HOME": str(tmp_path)}
    assert configuration_file(home) == tmp_path / ".config/marketplace/config.ini"
    assert configuration_file({**home, "XDG_CONFIG_HOME": "relative"}) == configuration_file(home)


def test_without_any_the_message_names_every_place(environ):
    with pytest.raises(EndpointError) as caught:
        get_endpoint(None, environ)
    for place in ("--endpoint", "MARKETPLACE_ENDPOINT", str(configuration_file(environ))):
        assert place in str(caught.value)


@pytest.mark.parametrize("text", ["no ini file", "[client\n", "[client]\nendpoint=a\nendpoint=b\n"])
def test_a_broken_file_is_one_sentence(environ, text):
    path = write(environ, text)
    with pytest.raises(EndpointError) as caught:
        get_endpoint(None, environ)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "endpoint",
    [
        "example.org",
        "ftp://example.org",
        "http://",
        "http://a:b:c",
        "http://a.org?x=1",
        "file:///etc/passwd",
        "http://[",
    ],
)
def test_what_is_no_http_url_is_refused(environ, endpoint):
    with pytest.raises(EndpointError, match="is not a URL"):
        get_endpoint(endpoint, environ)


SECRET = "mpt_0123456789abcdef_" + "A" * 43


def test_the_token_comes_from_the_variable_then_from_a_file_of_ones_own(environ):
    assert find_token(environ) is None
    path = write(environ, f"[client]\ntoken = {SECRET}\n")
    path.chmod(0o600)
    assert find_token(environ) == SECRET
    assert find_token({**environ, "MARKETPLACE_TOKEN": "other"}) == "other"


def test_a_token_in_a_file_that_others_may_read_is_refused_without_showing_it(environ):
    path = write(environ, f"[client]\ntoken = {SECRET}\n")
    path.chmod(0o644)
    with pytest.raises(EndpointError, match="chmod 600") as caught:
        find_token(environ)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("token", ["two words", "line\nX-Header: y", "é", "a;b"])
def test_what_can_be_no_token_is_refused_without_showing_it(environ, token):
    with pytest.raises(EndpointError) as caught:
        find_token({**environ, "MARKETPLACE_TOKEN": token})
    assert token not in str(caught.value)
