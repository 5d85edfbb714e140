"""``marketplace sign`` as a publisher uses it."""

from datetime import UTC, datetime

import pytest

from tests.factories.documents import image, signed, unsigned
from tests.factories.identities import expired_identity, make_ca, make_identity
from validators import accept

PASSWORD = "XYZXYZ"


@pytest.fixture
def files(tmp_path):
    """A draft, a PKCS#12 store and PEM files of one identity."""
    identity = make_identity()
    (tmp_path / "draft.xml").write_bytes(unsigned())
    (tmp_path / "jane.p12").write_bytes(identity.pkcs12(PASSWORD))
    (tmp_path / "jane.cert.pem").write_bytes(identity.certificate_pem)
    (tmp_path / "jane.key.pem").write_bytes(identity.key_pem())
    (tmp_path / "locked.key.pem").write_bytes(identity.key_pem(PASSWORD))
    (tmp_path / "password").write_text(PASSWORD + "\n")
    (tmp_path / "wrong").write_text("wrong\n")
    return tmp_path


def test_pem_files_sign_to_standard_output(cli, files):
    outcome = cli("sign", "--cert", "jane.cert.pem", "--key", "jane.key.pem", "draft.xml")
    assert (outcome.code, outcome.err) == (0, "")
    entry = accept(outcome.out)
    assert abs((datetime.now(UTC) - entry.created).total_seconds()) < 60


def test_out_writes_a_file_and_nothing_else(cli, files):
    outcome = cli(
        "sign", "--p12", "jane.p12", "--password-file", "password", "--out", "signed.xml", "draft.xml"
    )
    assert (outcome.code, outcome.out, outcome.err) == (0, b"", "")
    accept((files / "signed.xml").read_bytes())
    assert sorted(path.name for path in files.iterdir() if path.name.startswith(".")) == []


def test_the_password_comes_from_the_environment_or_a_file(cli, files, monkeypatch):
    monkeypatch.setenv("MARKETPLACE_KEY_PASSWORD", PASSWORD)
    assert cli("sign", "--p12", "jane.p12", "draft.xml").code == 0
    locked = ("sign", "--cert", "jane.cert.pem", "--key", "locked.key.pem")
    assert cli(*locked, "draft.xml").code == 0
    outcome = cli(*locked, "--password-file", "wrong", "draft.xml")
    assert (outcome.code, outcome.is_sentence()) == (4, True)
    assert PASSWORD not in outcome.err


def test_without_a_password_and_a_terminal_it_says_what_to_do(cli, files):
    outcome = cli("sign", "--p12", "jane.p12", "draft.xml")
    assert (outcome.code, outcome.is_sentence()) == (2, True)
    assert "--password-file" in outcome.err
    assert "MARKETPLACE_KEY_PASSWORD" in outcome.err


def test_there_is_no_option_for_the_password_itself(cli, files):
    assert cli("sign", "--password", PASSWORD, "--p12", "jane.p12", "draft.xml").code == 2


def test_created_and_a_signed_document_can_be_given(cli, files):
    (files / "old.xml").write_bytes(signed())
    outcome = cli(
        "sign",
        "--cert",
        "jane.cert.pem",
        "--key",
        "jane.key.pem",
        "--created",
        "2025-01-02T03:04:05Z",
        "old.xml",
    )
    assert accept(outcome.out).coordinates.created_text == "2025-01-02T03:04:05Z"


def test_an_expired_certificate_is_told(cli, files):
    late = expired_identity()
    (files / "late.pem").write_bytes(late.certificate_pem)
    (files / "late.key").write_bytes(late.key_pem())
    outcome = cli("sign", "--cert", "late.pem", "--key", "late.key", "draft.xml")
    assert outcome.code == 0
    assert "ended 2020-01-01 00:00 UTC" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["draft.xml"], 2, "--p12"),
        (["--cert", "jane.cert.pem", "draft.xml"], 2, "--key"),
        (["--p12", "nothing.p12", "draft.xml"], 3, "nothing.p12"),
        (["--p12", "draft.xml", "draft.xml"], 1, "PKCS#12"),
        (["--p12", ".", "draft.xml"], 2, "directory"),
        (["--cert", "jane.cert.pem", "--key", "jane.key.pem", "nothing.xml"], 3, "nothing.xml"),
        (["--cert", "jane.cert.pem", "--key", "jane.key.pem", "jane.p12"], 5, "parse."),
        (["--cert", "jane.cert.pem", "--key", "jane.key.pem", "--created", "now", "draft.xml"], 2, "YYYY"),
        (["--cert", "jane.cert.pem", "--key", "jane.key.pem", "--email", "x@y.org", "draft.xml"], 2, "jane"),
        (["--cert", "jane.cert.pem", "--key", "jane.key.pem", "--out", "no/where.xml", "draft.xml"], 3, "no"),
        (["--p12", "jane.p12", "--password-file", "jane.p12", "draft.xml"], 2, "no text"),
    ],
)
def test_each_mistake_is_one_sentence_with_its_code(cli, files, arguments, code, told):
    outcome = cli("sign", *arguments)
    assert (outcome.code, outcome.out, outcome.is_sentence()) == (code, b"", True)
    assert told in outcome.err


@pytest.mark.parametrize("name", ["jane", "jim", "ec"])
def test_original_key_stores_sign(cli, files, every_originals, name):
    store = every_originals / "keys" / f"{name}.p12"
    outcome = cli("sign", "--p12", store, "--password-file", "password", "draft.xml")
    assert outcome.code == 0
    accept(outcome.out)


def test_what_is_over_before_it_is_made_is_said_by_sign_and_verify(cli, files):
    keys = ("--cert", "jane.cert.pem", "--key", "jane.key.pem")
    for name, said in {"over": {}, "withdrawn": {"deprecated": "broken"}}.items():
        (files / "draft.xml").write_bytes(unsigned(image(valid="2020-01-01T00:00:00Z", **said)))
        outcome = cli("sign", *keys, "--out", f"{name}.xml", "draft.xml")
        assert outcome.code == 0
        assert ("the entry expires before its creation time" in outcome.err) is (name == "over")
        outcome = cli("verify", f"{name}.xml")
        assert outcome.code == 0
        assert (b"note: the entry expires before its creation time" in outcome.out) is (name == "over")
    (files / "late.xml").write_bytes(
        signed(image(valid="2024-12-31T00:00:00Z"), created="2024-06-01T00:00:00Z")
    )
    assert (
        b"note: the entry has expired: dcterms:valid is 2024-12-31T00:00:00Z" in cli("verify", "late.xml").out
    )


def test_issuers_that_an_entry_has_no_room_for_are_told(cli, files):
    issuer, above = None, b""
    for number in range(6):
        issuer = make_ca(f"CA {number}", issuer=issuer)
        above += issuer.certificate_pem
    who = make_identity("Deep", "deep@example.org", issuer=issuer)
    (files / "deep.cert.pem").write_bytes(who.certificate_pem + above)
    (files / "deep.key.pem").write_bytes(who.key_pem())
    outcome = cli("sign", "--cert", "deep.cert.pem", "--key", "deep.key.pem", "draft.xml")
    assert outcome.code == 0
    assert "2 of the issuers above the certificate are left out: an entry carries 4" in outcome.err
    assert len(accept(outcome.out).signer.intermediates) == 4
