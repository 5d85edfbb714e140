"""The metadata archive of LXD and Incus: entries are signed over its bytes. And what an entry says of it."""

from __future__ import annotations

import hashlib
import io
import tarfile

import pytest
import yaml

from tests.factories.documents import image, signed
from validators import accept
from validators.drafting import ImageContent, next_draft
from validators.lxd import (
    FINGERPRINT,
    IMAGE_FORMAT,
    Fingerprint,
    architectures,
    find_architecture,
    find_fingerprint,
    fingerprint_of,
    metadata_archive,
)

#: Entries are signed over these bytes: another digest here would make their fingerprints false.
ARCHIVES = {
    "aarch64": "e805a8c10040dc2b3d1d0cbface787afdc6e387bd8ec5be284ac15c14ed8eaa3",
    "ppc64le": "024820f557854268192c8c90e25e601e840eb9bd8170049a5c6344352538b2dc",
    "riscv64": "e2f3135690497cc8bdf58d711a3f886a96362d7eb9b3b3e98e2fb4eca2a0a2cf",
    "s390x": "efcc7e7b17844cc96a34b03d2bd98a09cc3b7ae8c61048d58cbc1730100e1a0b",
    "x86_64": "a103d179c9ac2aa778a1f78517ed483b175ae4271cecbed355527e7429d072bc",
}
GOOD = "x86_64:" + "0123456789abcdef" * 4


def said(*values: str, **fields: object):
    """What an entry with these fingerprints says."""
    extra = "".join(f'<x:fingerprint xmlns:x="{IMAGE_FORMAT}">{one}</x:fingerprint>' for one in values)
    return accept(signed(image(extra=extra, **fields))).metadata


def test_the_bytes_of_an_archive_never_change() -> None:
    assert {name: hashlib.sha256(metadata_archive(name)).hexdigest() for name in architectures()} == ARCHIVES


@pytest.mark.parametrize("architecture", architectures())
def test_an_archive_is_what_the_image_format_wants(architecture: str) -> None:
    with tarfile.open(fileobj=io.BytesIO(metadata_archive(architecture))) as archive:
        (member,) = archive.getmembers()
        told = archive.extractfile(member)
        assert told is not None and member.name == "metadata.yaml"
        assert yaml.safe_load(told) == {"architecture": architecture, "creation_date": 1}


def test_a_fingerprint_is_over_the_archive_and_then_the_disk() -> None:
    found = fingerprint_of("s390x", b"disk")
    assert found.digest == hashlib.sha256(metadata_archive("s390x") + b"disk").hexdigest()
    assert Fingerprint.parse(f" {found}\n") == found


@pytest.mark.parametrize(
    ("values", "fields", "found"),
    [
        ([GOOD], {}, True),
        ([GOOD], {"os_arch": "AMD64", "format": " QCOW2 "}, True),
        ([], {}, False),
        ([GOOD, GOOD], {}, False),
        ([GOOD], {"os_arch": "aarch64"}, False),
        ([GOOD], {"os_arch": None}, False),
        ([GOOD], {"format": "raw"}, False),
        ([GOOD], {"format": None}, False),
        ([GOOD.upper()], {}, False),
        ([GOOD[:-1]], {}, False),
        (["m68k:" + GOOD[-64:]], {"os_arch": "m68k"}, False),
        (["../x:" + GOOD[-64:]], {}, False),
    ],
)
def test_a_fingerprint_counts_where_it_fits_the_entry(values, fields, found) -> None:
    assert (find_fingerprint(said(*values, **fields)) is not None) is found


def test_names_of_architectures_are_those_of_lxd() -> None:
    assert (find_architecture(" amd64 "), find_architecture("ARM64")) == ("x86_64", "aarch64")
    assert find_architecture("i686") is None


def test_the_next_entry_hands_it_on_about_the_same_image_only() -> None:
    extra = f'<x:fingerprint xmlns:x="{IMAGE_FORMAT}">{GOOD}</x:fingerprint>'
    entry = accept(signed(image(extra=extra)))
    sums = {one.algorithm: one.value for one in entry.metadata.checksums}
    same = next_draft(entry.data, ImageContent(entry.identifier, 1, sums), {})
    other = next_draft(entry.data, ImageContent("A" * 27, 1, sums), {})
    name = FINGERPRINT.rpartition("}")[2].encode()
    assert name in same and name not in other
