"""Texts that no tool expects break no list for others: signed lists are still believed by their readers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from marketplace.config.views import ViewsSettings
from marketplace.views.dialects.hepix import HEPIX
from marketplace.views.dialects.simplestreams import SIMPLESTREAMS
from marketplace.views.signing import SigningKeys
from marketplace.views.value import View
from tests.dialects.clients import run
from tests.dialects.made import AT, view_of
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.factories.openpgp import Signer
from tests.unit.trust.authorities import root

AUTHORITY = root()
SITE = make_identity("Lab", "lab@example.org", "rsa2048", issuer=AUTHORITY)
LONG = "ü" * 30_000
SUMS = (("SHA-256", "ab" * 32), ("SHA-512", "cd" * 64))


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> tuple[View, Path]:
    """A view with an image of long texts, and the folder with what its lists are believed by."""
    folder = tmp_path_factory.mktemp("long")
    openpgp = Signer(folder / "gnupg", at="20240101T000000")
    (folder / "openpgp.key").write_bytes(openpgp.secret_key())
    (folder / "site.gpg").write_bytes(openpgp.public_key(armor=False))
    openpgp.close()
    (folder / "site.pem").write_bytes(SITE.certificate_pem)
    (folder / "site.key").write_bytes(SITE.key_pem())
    (folder / "root.pem").write_bytes(AUTHORITY.certificate_pem)
    settings = ViewsSettings(
        certificate=folder / "site.pem", key=folder / "site.key", openpgp_key=folder / "openpgp.key"
    )
    documents = (
        signed(image(content="plain", checksums=SUMS, title="- dash\tand tab", description="From me\n.\n")),
        signed(
            image(
                content="long", checksums=SUMS, title=LONG, description=LONG, os=LONG, os_version=LONG,
                os_arch=LONG, format=LONG, version=LONG, tags=(LONG, "b" * 300, "short"),
            ),
            make_identity(email="long@example.org"),
        ),
    )  # fmt: skip
    return replace(view_of(*documents), signing=SigningKeys(settings, lambda: AT).signing()), folder


def test_openssl_believes_the_image_list(view):
    found, folder = view
    (folder / "image.list").write_bytes(HEPIX.write(found, "hepix/image.list"))
    told = run("openssl", "smime", "-verify", "-CAfile", "root.pem", "-in", "image.list", folder=folder)
    assert told.returncode == 0, told.stderr
    assert len(json.loads(told.stdout)["hv:imagelist"]["hv:images"]) == 2


def test_gpgv_believes_the_simplestreams(view):
    found, folder = view
    for document in SIMPLESTREAMS.documents(found):
        data = SIMPLESTREAMS.write(found, document.path)
        if document.path.endswith(".sjson"):
            (folder / "list.sjson").write_bytes(data)
            told = run("gpgv", "--keyring", folder / "site.gpg", "--output", "-", "list.sjson", folder=folder)
            assert told.returncode == 0, told.stderr
            assert json.loads(told.stdout)["format"] in ("products:1.0", "index:1.0")
    products = json.loads(SIMPLESTREAMS.write(found, "simplestreams/streams/v1/images.json"))["products"]
    assert len(products) == 2
    assert {one["aliases"] for one in products.values()} == {"", "short"}
