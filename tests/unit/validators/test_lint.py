"""What a look at a document finds: each rule by the one thing that breaks it, and acceptance's own codes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.factories.documents import draft_xml, image, signed
from validators import accept
from validators.errors import RefusedError
from validators.lint import FileFacts, Level, advise, lint, verify_draft
from validators.lint.advice import RULES
from validators.lint.properties import IMAGE_PROPERTIES
from validators.signing_errors import DraftError

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SHA256 = ("SHA-256", "ab" * 32)


def properties(**values: str) -> str:
    """Extensions that say properties of an image."""
    return "".join(
        f'<g:{name} xmlns:g="{IMAGE_PROPERTIES}">{value}</g:{name}>' for name, value in values.items()
    )


COMPLETE = (
    "<dcterms:license>CC0-1.0</dcterms:license><dcterms:conformsTo>cloud-init</dcterms:conformsTo>"
    "<slterms:disks-bus>virtio</slterms:disks-bus>"
    + properties(image_original_user="debian", uuid_validity="last-3", replace_frequency="monthly")
)
GOOD = image(
    checksums=(SHA256,),
    valid="2027-01-01T00:00:00Z",
    locations=("https://images.example.org/image.qcow2", "pdisk:0123"),
    record_created="2026-05-01T00:00:00Z",
    tags=("stable",),
    extra=COMPLETE,
)
LXD = (
    '<x:fingerprint xmlns:x="https://documentation.ubuntu.com/lxd/latest/reference/image_format/#">'
    f"x86_64:{64 * 'a'}</x:fingerprint>"
)


def codes(draft, **more) -> list[str]:
    found = lint(draft_xml(draft).encode(), NOW, **more)
    assert all(finding.level is Level.ADVICE for finding in found.findings), found.findings
    return [finding.code for finding in found.findings]


def test_a_document_with_everything_is_found_good() -> None:
    assert codes(GOOD) == []
    assert codes(GOOD, file=FileFacts("qcow2", "none")) == []
    found = lint(signed(GOOD), NOW)
    assert (found.signed, found.passes, found.findings) == (True, True, ())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"checksums": ()}, "digest.weak-only"),
        ({"valid": None}, "valid.missing"),
        ({"valid": ""}, "valid.missing"),
        ({"valid": "2027-07-07T00:00:00Z"}, "valid.too-far"),
        ({"valid": "2026-06-01T11:59:59Z"}, "valid.past"),
        ({"title": None}, "title.missing"),
        ({"title": " "}, "title.missing"),
        ({"format": None}, "format.missing"),
        ({"locations": ()}, "location.missing"),
        ({"locations": ("",)}, "location.missing"),
        ({"locations": ("http://images.example.org/a",)}, "location.not-https"),
        ({"locations": ("ftp://images.example.org/a",)}, "location.not-https"),
        ({"locations": ("file:///srv/images/a",)}, "location.not-https"),
        ({"locations": ("javascript:alert(1)",)}, "location.not-https"),
        ({"locations": ("https://images.example.org/a b",)}, "location.not-https"),
        ({"locations": ("https:///a",)}, "location.not-https"),
        ({"locations": ("http://[broken",)}, "location.not-https"),
        ({"locations": ("https://me:secret@images.example.org/a",)}, "location.credentials"),
        ({"locations": ("https://127.0.0.1/a",)}, "location.private-address"),
        ({"locations": ("https://[fd00::1]:8443/a",)}, "location.private-address"),
        ({"locations": ("https://169.254.169.254/a",)}, "location.private-address"),
        ({"locations": ("https://localhost/a",)}, "location.private-address"),
        ({"locations": ("https://store.internal./a",)}, "location.private-address"),
        ({"os": None}, "os.missing"),
        ({"os_arch": ""}, "architecture.missing"),
        ({"locations": ("https://images.example.org/a.qcow2.xz",)}, "compression.differs"),
        ({"extra": COMPLETE + "<slterms:inbound-port>0</slterms:inbound-port>"}, "port.all"),
        ({"extra": COMPLETE + "<slterms:outbound-port>00</slterms:outbound-port>"}, "port.all"),
        ({"extra": COMPLETE.replace("license", "accessRights")}, "licence.missing"),
        ({"extra": COMPLETE.replace("conformsTo", "relation")}, "first-boot.missing"),
        ({"description": None}, "scs-0102.incomplete"),
        ({"extra": COMPLETE + LXD.replace("x86_64", "aarch64")}, "lxd.differs"),
        ({"extra": COMPLETE + LXD + LXD}, "lxd.differs"),
        ({"extra": COMPLETE.replace("uuid_validity", "other")}, "scs-0102.incomplete"),
    ],
)
def test_each_thing_that_sites_miss_is_named(changes, code) -> None:
    missed = {"scs-0102.incomplete"}  # what it wants is wanted by other rules, too
    assert [one for one in codes(GOOD.but(**changes)) if one == code or one not in missed] == [code]


def test_another_login_property_will_do_and_none_will_not() -> None:
    assert "login-user.missing" not in codes(GOOD.but(extra=COMPLETE + properties(os_admin_user="root")))
    assert "login-user.missing" in codes(GOOD.but(extra=""))


@pytest.mark.parametrize(
    "extra",
    [
        '<dcterms:license rdf:resource="https://spdx.org/licenses/CC0-1.0"/>',
        "<dcterms:rights>all</dcterms:rights>",
        '<dcterms:license rdf:parseType="Resource"><dcterms:title>CC0</dcterms:title></dcterms:license>',
    ],
)
def test_a_licence_can_be_said_in_every_form_of_an_extension(extra) -> None:
    assert "licence.missing" not in codes(GOOD.but(extra=extra))


@pytest.mark.parametrize(
    ("format_", "compression", "file", "found"),
    [
        ("qcow2", None, FileFacts("qcow2", "none"), []),
        ("QCOW2", "gzip", FileFacts("qcow2", "gz"), []),
        ("raw", "ZSTD", FileFacts("raw", "zst"), []),
        ("raw", "gz", FileFacts(), []),
        ("raw", None, FileFacts("qcow2", None), ["format.differs"]),
        (None, None, FileFacts("qcow2", None), ["format.missing"]),
        ("qcow2", "gz", FileFacts("qcow2", "none"), ["compression.differs"]),
        ("qcow2", None, FileFacts("qcow2", "xz"), ["compression.differs"]),
        ("x" * 200, None, FileFacts("qcow2", "none"), ["format.differs"]),
    ],
)
def test_what_is_said_of_the_file_is_held_against_it(format_, compression, file, found) -> None:
    assert codes(GOOD.but(format=format_, compression=compression), file=file) == found


@pytest.mark.parametrize(
    ("old", "new", "back"),
    [
        ("1.9", "1.10", False),
        ("1.10", "1.9", True),
        ("2", "2", False),
        ("2.0-rc1", "2.0-rc2", False),
        ("b", "a", True),
        (None, "1", False),
        ("1", None, False),
    ],
)
def test_a_tag_that_would_go_back_is_named(old, new, back) -> None:
    previous = accept(signed(GOOD.but(version=old))).metadata
    assert codes(GOOD.but(version=new), previous=previous) == (["tag.goes-back"] if back else [])


def test_of_an_entry_that_withdraws_its_image_nothing_is_asked() -> None:
    assert codes(image(deprecated="broken")) == []


def test_what_acceptance_refuses_is_an_error_with_its_code() -> None:
    for draft in (
        GOOD.but(size="-1"),
        GOOD.but(identifier="A" * 27),
        GOOD.but(extra="<slterms:icmp>256</slterms:icmp>"),
    ):
        with pytest.raises(RefusedError) as refused:
            accept(signed(draft))
        for document in (signed(draft), draft_xml(draft).encode()):
            found = lint(document, NOW)
            assert not found.passes
            assert found.metadata is None
            assert [finding.code for finding in found.findings] == [refused.value.code]


def test_a_broken_signature_is_an_error() -> None:
    found = lint(signed(GOOD).replace(b"A demo image", b"B demo image"), NOW)
    assert (found.signed, found.passes) == (True, False)
    assert found.findings[0].level is Level.ERROR


@pytest.mark.parametrize(
    "document", [b"", b"<a/>", b"\xff", b"<!DOCTYPE a><a/>", b"<a " + b"b='' " * 70_000 + b"/>"]
)
def test_anything_is_answered(document) -> None:
    found = lint(document, NOW)
    assert not found.passes
    assert len(found.findings) == 1


def test_a_secret_in_a_location_is_not_repeated() -> None:
    draft = draft_xml(GOOD.but(locations=("https://me:secret@images.example.org/a",)))
    (found,) = lint(draft.encode(), NOW).findings
    assert "images.example.org" in found.message and "secret" not in found.message


def test_a_draft_is_proved_without_its_endorsement() -> None:
    assert verify_draft(draft_xml(GOOD).encode(), NOW).title == GOOD.title
    with pytest.raises(DraftError):
        verify_draft(b"<a/>", NOW)


def test_codes_are_stable_and_messages_are_for_people() -> None:
    nothing = accept(
        signed(image(content="x", locations=(), os=None, os_arch=None, format=None, title=None))
    ).metadata
    for finding in advise(nothing, NOW):
        assert finding.code in RULES
        assert finding.message.strip(".") == finding.message
    assert list(RULES) == [
        "digest.weak-only", "valid.missing", "valid.too-far", "valid.past", "title.missing", "format.missing",
        "format.differs", "compression.differs", "location.missing", "location.not-https",
        "location.private-address", "location.credentials", "os.missing", "architecture.missing",
        "licence.missing",
        "login-user.missing", "first-boot.missing", "scs-0102.incomplete", "lxd.differs",
        "tag.goes-back", "port.all",
    ]  # fmt: skip
