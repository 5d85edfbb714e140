"""Providers that lie, break, drip or are away: nobody is signed in, and a sentence says why."""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import OctKey

from marketplace.access import Scope
from marketplace.accounts.people import Person
from marketplace.config.oidc import OidcSettings
from marketplace.http.refusals import refuse
from marketplace.oidc import SignInError
from marketplace.oidc.errors import ProviderAwayError
from marketplace.oidc.provider import FAILED, FRESH, KEYS_AGAIN
from marketplace.oidc.service import SignInService
from tests.functional.running import free_port
from tests.oidc.liar import CLIENT, Liar, lying_provider, make_key, signed
from tests.waiting import HANGING

HOME = "http://127.0.0.1:1/login/oidc/callback"


class Clock:
    """The time, which a test may move."""

    ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def liar() -> Iterator[Liar]:
    with lying_provider() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


def service(liar: Liar, clock: Clock, at_once: int = 4, **settings: Any) -> SignInService:
    given = {"issuer": liar.url, "client_id": CLIENT, "timeout": 10.0, "groups": "staff=images", **settings}
    return SignInService(OidcSettings(**given), HOME, clock, at_once)


def come_back(one: SignInService, liar: Liar, **answer: str) -> Person:
    """Begin, and come back with a code."""
    _, attempt = one.begin("/account")
    liar.nonce = attempt.nonce
    return one.finish(attempt, {"code": "c", "state": attempt.state, **answer}, lambda digest: True)


def refusal(one: SignInService, liar: Liar, **answer: str) -> SignInError:
    with pytest.raises(SignInError) as refused:
        come_back(one, liar, **answer)
    assert str(refused.value).count("\n") == 0 and len(str(refused.value)) < 400
    return refused.value


def test_the_honest_provider_is_believed(liar: Liar, clock: Clock) -> None:
    """What the lies below are told apart from."""
    person = come_back(service(liar, clock), liar)
    assert person == Person(
        "ann@example.org", liar.url, "1", frozenset({Scope.READ, Scope.UPLOAD}), frozenset({"images"})
    )
    [form] = liar.forms
    sent = parse_qs(form)
    assert sent["grant_type"] == ["authorization_code"] and sent["redirect_uri"] == [HOME]
    assert sent["client_id"] == [CLIENT] and len(sent["code_verifier"][0]) == 43


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"iss": "https://evil.example"}, "the token is from another provider"),
        ({"iss": None}, "the token is from another provider"),
        ({"aud": "other"}, "the token was issued for another site"),
        ({"aud": ["other", "more"]}, "the token was issued for another site"),
        ({"aud": []}, "the token was issued for another site"),
        ({"aud": [CLIENT, "other"], "azp": "other"}, "the token was issued for another site"),
        ({"aud": [CLIENT, "other"]}, "the token was issued for another site"),
        ({"nonce": "another"}, "the token belongs to another sign-in"),
        ({"nonce": None}, "the token belongs to another sign-in"),
        ({"nonce": ["x"]}, "the token belongs to another sign-in"),
        ({"exp": 1}, "the token has expired"),
        ({"exp": "tomorrow"}, "the token has expired"),
        ({"exp": None}, "the token has expired"),
        ({"iat": 1}, "in the future or too long ago"),
        ({"iat": 4_000_000_000}, "in the future or too long ago"),
        ({"iat": None}, "in the future or too long ago"),
        ({"nbf": 4_000_000_000}, "the token is not valid yet"),
        ({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "the token belongs to another access token"),
        ({"at_hash": 7}, "refused"),
        ({"sub": None}, "the token names no person"),
        ({"sub": 7}, "the token names no person"),
        ({"sub": ""}, "the token names no person"),
    ],
)
def test_claims_that_are_not_believed(liar: Liar, clock: Clock, claims: Mapping[str, Any], said: str) -> None:
    liar.lies["claims"] = lambda honest: {k: v for k, v in (honest | claims).items() if v is not None}
    error = refusal(service(liar, clock), liar)
    assert (error.code, refuse(error).status) == ("oidc.id-token", 403) and said in str(error)


def unsigned(liar: Liar, algorithm: str) -> str:
    """The honest claims under a header that asks for no signature."""
    parts = ({"alg": algorithm, "kid": "one"}, liar.claims())
    header, claims = (
        base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts
    )
    return f"{header}.{claims}."


def signed_with_public_key(liar: Liar) -> str:
    """The honest claims, signed with what everybody knows as if it were a shared secret."""
    bare = unsigned(liar, "HS256").rstrip(".")
    made = hmac.digest(liar.key.as_pem(private=False), bare.encode(), "sha256")
    return f"{bare}.{base64.urlsafe_b64encode(made).decode().rstrip('=')}"


def test_signatures_that_prove_nothing(liar: Liar, clock: Clock) -> None:
    """No signature, the public key as a shared secret, keys that are not published or others' of the name."""
    one = service(liar, clock)
    lies = {
        "none": lambda honest: {**honest, "id_token": unsigned(liar, "none")},
        "None": lambda honest: {**honest, "id_token": unsigned(liar, "None")},
        "HS256 with the public key": lambda honest: {**honest, "id_token": signed_with_public_key(liar)},
        "another algorithm": signed(liar, {"alg": "RS384", "kid": "one"}, liar.key),
        "not in the list": signed(liar, {"alg": "RS256", "kid": "other"}, make_key("other")),
        "another's of the name": signed(liar, {"alg": "RS256", "kid": "one"}, make_key("other")),
        "a key that it brings": signed(
            liar,
            {"alg": "RS256", "kid": "other", "jwk": make_key("other").as_dict(private=False)},
            make_key("other"),
        ),
        "none at all": lambda honest: {k: v for k, v in honest.items() if k != "id_token"},
        "no token": lambda honest: {**honest, "id_token": "a.b.c"},
        "a number": lambda honest: {**honest, "id_token": 7},
        "letters of no alphabet": lambda honest: {**honest, "id_token": "\ud800.\udfff.é"},
        "deep": lambda honest: {
            **honest,
            "id_token": base64.urlsafe_b64encode(b"[" * 60_000).decode() + ".a.b",
        },
    }
    for name, lie in lies.items():
        liar.lies["tokens"] = lie
        error = refusal(one, liar)
        assert error.code == "oidc.id-token", name
    del liar.lies["tokens"]
    assert come_back(one, liar).name == "ann@example.org"


def test_a_shared_secret_in_the_list_of_keys_signs_nothing(liar: Liar, clock: Clock) -> None:
    shared = OctKey.import_key("k" * 64, {"kid": "shared"})
    liar.lies["keys"] = lambda honest: {"keys": [*honest["keys"], shared.as_dict()]}
    liar.lies["description"] = lambda honest: {
        **honest,
        "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
    }
    liar.lies["tokens"] = signed(liar, {"alg": "HS256", "kid": "shared"}, shared)
    assert refusal(service(liar, clock), liar).code == "oidc.id-token"


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        ({"issuer": "https://evil.example"}, "does not name itself"),
        ({"issuer": None}, "does not name itself"),
        ({"authorization_endpoint": "http://evil.example/auth"}, "no https URL as authorization_endpoint"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "no https URL as authorization_endpoint"),
        ({"authorization_endpoint": "https://a@evil.example/"}, "no https URL as authorization_endpoint"),
        ({"authorization_endpoint": "https://evil.example/\r\nSet-Cookie: a=b"}, "no https URL"),
        ({"token_endpoint": "http://evil.example/token"}, "no https URL as token_endpoint"),
        ({"token_endpoint": 7}, "no https URL as token_endpoint"),
        ({"token_endpoint": None}, "no https URL as token_endpoint"),
        ({"jwks_uri": "file:///etc/passwd"}, "no https URL as jwks_uri"),
        ({"jwks_uri": "https://[::1"}, "no https URL as jwks_uri"),
        ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "no algorithm that this site accepts"),
        ({"userinfo_endpoint": ["x"]}, "no https URL as userinfo_endpoint"),
    ],
)
def test_descriptions_that_are_not_used(liar: Liar, clock: Clock, lie: Mapping[str, Any], said: str) -> None:
    liar.lies["description"] = lambda honest: {k: v for k, v in (honest | lie).items() if v is not None}
    error = refusal(service(liar, clock), liar)
    assert (error.code, refuse(error).status) == ("oidc.answer", 502) and said in str(error)


def _redirect(handler: Any) -> None:
    handler.send_response(302)
    handler.send_header("Location", "/elsewhere")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def _answer(status: int, body: bytes, **headers: str) -> Any:
    def answer(handler: Any) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


ODD = {
    "redirect": (_redirect, "oidc.answer", "redirects to another address"),
    "huge": (_answer(200, b'{"a": "' + b"x" * 300_000 + b'"}'), "oidc.answer", "more than 262144 bytes"),
    "packed": (_answer(200, b"\x1f\x8b", Content_Encoding="gzip"), "oidc.away", "encoding"),
    "deep": (_answer(200, b"[" * 200_000), "oidc.answer", "not a JSON object"),
    "list": (_answer(200, b"[]"), "oidc.answer", "not a JSON object"),
    "page": (_answer(200, b"<html>"), "oidc.answer", "not a JSON object"),
    "missing": (_answer(404, b"{}"), "oidc.answer", "answered with 404"),
    "broken": (_answer(500, b"{}"), "oidc.away", "it answers 500"),
    "busy": (_answer(429, b"{}"), "oidc.away", "it answers 429"),
}


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks", "/token", "/me"])
@pytest.mark.parametrize("odd", ODD)
def test_answers_that_are_none(liar: Liar, clock: Clock, path: str, odd: str) -> None:
    """Never followed, never read beyond a bound, wherever they stand."""
    if path == "/me":
        liar.lies["claims"] = lambda honest: {k: v for k, v in honest.items() if k != "groups"}
    answer, code, said = ODD[odd]
    liar.instead[path] = answer
    error = refusal(service(liar, clock), liar)
    assert error.code == code and said in str(error)
    assert "/elsewhere" not in liar.asked


@pytest.mark.parametrize(
    "keys",
    [{}, {"keys": []}, {"keys": "x"}, {"keys": [7, None]}, {"keys": [{}] * 101}, {"keys": [{"kty": "RSA"}]}],
)
def test_lists_of_keys_that_are_none(liar: Liar, clock: Clock, keys: Any) -> None:
    liar.lies["keys"] = lambda honest: keys
    assert refusal(service(liar, clock), liar).code == "oidc.answer"


def test_a_key_that_is_not_understood_is_no_reason_to_believe_none(liar: Liar, clock: Clock) -> None:
    odd = [{"kty": "QUANTUM", "kid": "q"}, {"kty": "EC", "crv": "P-256", "x": "!", "y": "!"}]
    liar.lies["keys"] = lambda honest: {"keys": [*odd, *honest["keys"]]}
    assert come_back(service(liar, clock), liar).name == "ann@example.org"


def test_the_provider_may_change_its_keys_and_cannot_be_made_to_tell_them_often(
    liar: Liar, clock: Clock
) -> None:
    one = service(liar, clock)
    come_back(one, liar)
    liar.lies["keys"] = lambda honest: {"keys": [*honest["keys"], make_key("other").as_dict(private=False)]}
    liar.lies["tokens"] = signed(liar, {"alg": "RS256", "kid": "other"}, make_key("other"))
    for _ in range(3):
        assert refusal(one, liar).code == "oidc.id-token"
    assert liar.asked.count("/jwks") == 1
    clock.ahead = KEYS_AGAIN
    assert come_back(one, liar).name == "ann@example.org"
    assert liar.asked.count("/jwks") == 2


def test_what_a_provider_publishes_is_remembered_for_a_time(liar: Liar, clock: Clock) -> None:
    one = service(liar, clock)
    for _ in range(3):
        come_back(one, liar)
    assert liar.asked.count("/.well-known/openid-configuration") == liar.asked.count("/jwks") == 1
    clock.ahead = FRESH
    one.begin("/")
    assert liar.asked.count("/.well-known/openid-configuration") == 2


def test_a_mix_up_is_told_by_the_name_in_the_answer(liar: Liar, clock: Clock) -> None:
    one = service(liar, clock)
    assert refusal(one, liar, iss="https://evil.example").code == "oidc.issuer"
    assert come_back(one, liar, iss=liar.url).name == "ann@example.org"
    assert not any("evil" in form for form in liar.forms) and len(liar.forms) == 1


def test_what_only_userinfo_tells_counts_for_the_same_person_only(liar: Liar, clock: Clock) -> None:
    liar.lies["claims"] = lambda honest: {k: v for k, v in honest.items() if k != "groups"}
    one = service(liar, clock, groups="from userinfo=images")
    assert come_back(one, liar).groups == {"images"}
    liar.lies["userinfo"] = lambda honest: {**honest, "sub": "2"}
    error = refusal(one, liar)
    assert error.code == "oidc.id-token" and "another person" in str(error)
    liar.lies["userinfo"] = lambda honest: {**honest, "email": "boss@example.org", "iss": "x"}
    assert come_back(one, liar).name == "ann@example.org"


def test_a_provider_that_is_away_is_asked_again_after_a_while(clock: Clock) -> None:
    liar = Liar(url=f"http://127.0.0.1:{free_port()}")
    one = service(liar, clock)
    for _ in range(2):
        with pytest.raises(ProviderAwayError, match="cannot be reached"):
            one.begin("/")
    assert one.problem is not None and refuse(one.problem).status == 503
    clock.ahead = FAILED
    assert one.problem is None


def test_a_provider_that_drips_holds_a_few_at_most(liar: Liar, clock: Clock) -> None:
    release, asked = threading.Event(), threading.Event()

    def drip(handler: Any) -> None:
        asked.set()
        release.wait(HANGING)
        handler.close_connection = True

    liar.instead["/.well-known/openid-configuration"] = drip
    one = service(liar, clock, at_once=1)

    def wait() -> None:
        with pytest.raises(ProviderAwayError):
            one.begin("/")

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert asked.wait(HANGING)
    try:
        with pytest.raises(ProviderAwayError, match="too many people are signing in"):
            one.begin("/")
    finally:
        release.set()
        waiting.join()


def test_an_answer_takes_no_longer_than_the_settings_say(liar: Liar, clock: Clock) -> None:
    release = threading.Event()

    def drip(handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not release.wait(0.02):
            try:
                handler.wfile.write(b" ")
            except OSError:
                return

    liar.instead["/.well-known/openid-configuration"] = drip
    began = time.monotonic()
    try:
        with pytest.raises(ProviderAwayError, match="in time"):
            service(liar, clock, timeout=0.3).begin("/")
    finally:
        release.set()
    assert time.monotonic() - began < HANGING


def test_the_secret_is_read_from_its_file_for_each_sign_in(liar: Liar, clock: Clock, tmp_path: Any) -> None:
    file = tmp_path / "secret"
    file.write_text("first\n")
    one = service(liar, clock, client_secret_file=file)
    come_back(one, liar)
    file.unlink()
    error = refusal(one, liar)
    assert error.code == "oidc.secret" and str(tmp_path) not in str(error)


def test_a_provider_that_wants_the_secret_in_the_form_gets_it_there(liar: Liar, clock: Clock) -> None:
    liar.lies["description"] = lambda honest: {
        **honest,
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    }
    come_back(service(liar, clock, client_secret="s&t=x"), liar)
    assert parse_qs(liar.forms[0])["client_secret"] == ["s&t=x"]


def test_an_attempt_is_used_up_whatever_comes_of_it(liar: Liar, clock: Clock) -> None:
    one, used = service(liar, clock), set()

    def use_up(digest: str) -> bool:
        return digest not in used and not used.add(digest)

    _, attempt = one.begin("/")
    liar.nonce = "another"
    for code in ("oidc.id-token", "oidc.attempt"):
        with pytest.raises(SignInError) as refused:
            one.finish(attempt, {"code": "c", "state": attempt.state}, use_up)
        assert refused.value.code == code
    assert len(liar.forms) == 1


def test_nothing_secret_leaves_in_the_address(liar: Liar, clock: Clock) -> None:
    url, attempt = service(liar, clock, client_secret="hidden").begin("/private/path")
    query = parse_qs(urlsplit(url).query)
    assert query["state"] == [attempt.state] and query["nonce"] == [attempt.nonce]
    for secret in (attempt.secret, attempt.verifier, "hidden", "private"):
        assert secret not in url and secret not in repr(attempt).replace("/private/path", "")
