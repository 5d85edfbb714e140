"""``marketplace keygen``: the key it makes signs, is kept from others, and replaces nothing."""

import shutil
import stat
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from tests.factories.documents import unsigned
from tests.unit.cli.test_terminal import on_terminal
from validators import accept

PEM = ("keygen", "--email", "me@example.org", "--cert", "me.cert.pem", "--key", "me.key.pem")
P12 = ("keygen", "--email", "me@example.org", "--p12", "me.p12")
PASSWORD = "correct horse"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "draft.xml").write_bytes(unsigned())
    (tmp_path / "password").write_text(PASSWORD + "\n")
    return tmp_path


@pytest.fixture
def with_password(monkeypatch, cli):
    monkeypatch.setenv("MARKETPLACE_KEY_PASSWORD", PASSWORD)


@pytest.mark.parametrize(
    ("make", "use"), [(PEM, ("--cert", "me.cert.pem", "--key", "me.key.pem")), (P12, ("--p12", "me.p12"))]
)
def test_what_it_makes_signs(cli, folder, with_password, make, use):
    made = cli(*make)
    assert (made.code, made.err) == (0, "")
    assert b"valid until" in made.out
    signed = cli("sign", *use, "draft.xml")
    assert signed.code == 0, signed.err
    entry = accept(signed.out)
    assert entry.endorser.email == entry.signer.email == "me@example.org"
    assert entry.signer.not_before < datetime.now(UTC) < entry.signer.not_after - timedelta(days=1000)


def test_only_the_owner_reads_the_key_and_the_password_protects_it(cli, folder, with_password, monkeypatch):
    assert cli(*PEM).code == cli(*P12).code == 0
    for name in ("me.key.pem", "me.p12"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert b"ENCRYPTED" in (folder / "me.key.pem").read_bytes()
    monkeypatch.setenv("MARKETPLACE_KEY_PASSWORD", "another")
    assert cli("sign", "--p12", "me.p12", "draft.xml").code == 4


def test_a_password_file_comes_before_the_variable(cli, folder, monkeypatch):
    monkeypatch.setenv("MARKETPLACE_KEY_PASSWORD", "another")
    assert cli(*P12, "--password-file", "password").code == 0
    assert cli("sign", "--p12", "me.p12", "--password-file", "password", "draft.xml").code == 0


@pytest.mark.parametrize(
    ("make", "use"), [(PEM, ("--cert", "me.cert.pem", "--key", "me.key.pem")), (P12, ("--p12", "me.p12"))]
)
def test_an_empty_password_leaves_the_key_unencrypted_and_says_so(cli, folder, monkeypatch, make, use):
    monkeypatch.setenv("MARKETPLACE_KEY_PASSWORD", "")
    made = cli(*make)
    assert (made.code, made.is_sentence()) == (0, True)
    assert "is not encrypted" in made.err
    monkeypatch.delenv("MARKETPLACE_KEY_PASSWORD")
    assert cli("sign", *use, "draft.xml").code == 0


def test_a_request_for_an_authority_is_for_the_same_key(cli, folder, with_password):
    assert cli(*PEM, "--csr", "me.csr.pem").code == 0
    request = x509.load_pem_x509_csr((folder / "me.csr.pem").read_bytes())
    certificate = x509.load_pem_x509_certificate((folder / "me.cert.pem").read_bytes())
    assert request.is_signature_valid
    assert request.public_key() == certificate.public_key()
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.RFC822Name) == ["me@example.org"]


@pytest.mark.parametrize("there", ["me.cert.pem", "me.key.pem", "me.csr.pem"])
def test_no_file_is_replaced_and_none_is_left_over(cli, folder, with_password, there):
    (folder / there).write_text("mine")
    outcome = cli(*PEM, "--csr", "me.csr.pem")
    assert (outcome.code, outcome.is_sentence()) == (8, True)
    assert there in outcome.err
    assert (folder / there).read_text() == "mine"
    assert {path.name for path in folder.iterdir()} == {"draft.xml", "password", there}


def test_a_certificate_that_cannot_be_written_leaves_no_key(cli, folder, with_password):
    outcome = cli("keygen", "--email", "me@example.org", "--cert", "nowhere/me.pem", "--key", "me.key.pem")
    assert (outcome.code, outcome.is_sentence()) == (3, True)
    assert not (folder / "me.key.pem").exists()


@pytest.mark.parametrize(
    "options",
    [
        ("--email", "me@example.org"),
        ("--email", "me@example.org", "--cert", "a"),
        ("--email", "me@example.org", "--key", "a"),
        ("--email", "me@example.org", "--cert", "a", "--key", "a"),
        ("--email", "me@example.org", "--cert", "a", "--key", "b", "--p12", "c"),
        ("--email", "not an address", "--p12", "c"),
        ("--email", "mé@example.org", "--p12", "c"),
    ],
)
def test_wrong_options_are_one_sentence(cli, folder, with_password, options):
    outcome = cli("keygen", *options)
    assert (outcome.code, outcome.is_sentence()) == (2, True)


def test_without_a_terminal_and_a_password_nothing_is_made(cli, folder):
    outcome = cli(*P12)
    assert (outcome.code, outcome.is_sentence()) == (2, True)
    assert "MARKETPLACE_KEY_PASSWORD" in outcome.err
    assert not (folder / "me.p12").exists()


def test_an_address_longer_than_a_common_name_is_bound_whole(cli, folder, with_password):
    email = "a" * 100 + "@example.org"
    assert cli("keygen", "--email", email, "--p12", "me.p12").code == 0
    assert accept(cli("sign", "--p12", "me.p12", "draft.xml").out).endorser.email == email


def test_a_terminal_is_asked_twice(folder):
    answers = {b"new key": b"secret one\n", b"Repeat": b"secret one\n"}
    code, shown, _ = on_terminal(list(P12), answers, folder)
    assert code == 0, shown
    assert b"secret one" not in shown
    (folder / "one").write_text("secret one")
    assert on_terminal(["sign", "--p12", "me.p12", "--password-file", "one", "draft.xml"], {}, folder)[0] == 0


def test_openssl_reads_what_it_makes(cli, folder, with_password):
    openssl = shutil.which("openssl")
    assert openssl, "needs openssl"
    assert cli(*PEM).code == cli(*P12).code == 0
    for arguments in (
        ["pkey", "-in", "me.key.pem", "-passin", f"pass:{PASSWORD}", "-noout", "-check"],
        ["pkcs12", "-in", "me.p12", "-passin", f"pass:{PASSWORD}", "-noout"],
        ["x509", "-in", "me.cert.pem", "-noout", "-checkend", "0"],
    ):
        subprocess.run([openssl, *arguments], check=True, cwd=folder, capture_output=True)
