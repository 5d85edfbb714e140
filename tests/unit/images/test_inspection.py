"""What kind of image a stream is, and which images no machine may open."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from marketplace.images import UnsafeImageError, file_chunks, measure, peek, verify_safe
from marketplace.images.inspection import Inspection
from tests.factories import images


def inspect(image: bytes) -> Inspection:
    return measure([image]).inspection


@pytest.mark.parametrize(
    ("image", "format_", "virtual_size"),
    [
        (images.qcow2(5 << 30), "qcow2", 5 << 30),
        (images.qcow2(1 << 50), "qcow2", 1 << 50),
        (images.disk(1 << 20), "raw", 1 << 20),
        (images.disk(1 << 20, gpt=True), "raw", 1 << 20),
        (images.iso(64 * 1024), "iso", 64 * 1024),
        (images.over(images.iso(), images.disk(), 512), "iso", 64 * 1024),
        (images.vdi(3 << 30), "vdi", 3 << 30),
    ],
    ids=["qcow2", "qcow2 of 1 PiB", "old partition table", "GPT", "ISO", "hybrid ISO", "vdi"],
)
def test_good_images_are_recognised(image: bytes, format_: str, virtual_size: int) -> None:
    found = verify_safe(inspect(image))
    assert (found.format, found.recognised, found.virtual_size) == (format_, True, virtual_size)


@pytest.mark.parametrize(
    ("image", "code"),
    [
        (images.qcow2(backing_file=b"/etc/passwd"), "backing_file"),
        (images.qcow2(backing_file=b'json:{"driver":"file"}'), "backing_file"),
        (images.qcow2(data_file=True), "data_file"),
        (images.qcow2(unknown_feature=True), "unknown_features"),
        (images.flat_vmdk(), "descriptor"),
        (images.over(images.iso(), images.qcow2(), 4096), "polyglot"),
        (images.over(images.disk(), images.qcow2(), 500), "polyglot"),
        (b"QED\0".ljust(4096, b"\0"), "banned"),
        (b"QFI\xfb\0\0\0\3" + bytes(100), "unreadable"),
        (b"COWD".ljust(4096, b"\0"), "unreadable"),
        (b"KDMV".ljust(4096, b"\xff"), "descriptor"),
        (b"vhdxfile".ljust(1 << 20, b"\0"), "unreadable"),
        (b"LUKS\xba\xbe".ljust(300, b"\0"), "unreadable"),
        (images.flat_vmdk().replace(b"createType", b"createTyp"), "unreadable"),
        (b"# Disk DescriptorFile\n".ljust(600, b"x") + b"\xff" * 4096, "unreadable"),
        (b"version=1\n".ljust(600, b"x") + b"\xff" * 4096, "unreadable"),
    ],
)
def test_hostile_images_must_not_be_opened(image: bytes, code: str) -> None:
    found = inspect(image)
    assert code in {fault.code for fault in found.faults}
    with pytest.raises(UnsafeImageError, match="the image "):
        verify_safe(found)


def test_a_vhdx_that_lies_about_its_size_is_unreadable_instead_of_an_error() -> None:
    guid_region = bytes.fromhex("06a27c8b90479a4bb8fe575f050f886e")
    guid_size = bytes.fromhex("2442a52f1bcd7648b2115dbed83bf4b8")
    image = bytearray(2 << 20)
    image[0:8] = b"vhdxfile"
    regions = 192 * 1024
    image[regions : regions + 16] = b"regi" + bytes(4) + (1).to_bytes(4, "little") + bytes(4)
    image[regions + 16 : regions + 48] = guid_region + (1 << 20).to_bytes(8, "little") + bytes(8)
    table = 1 << 20
    image[table : table + 12] = b"metadata" + bytes(2) + (1).to_bytes(2, "little")
    image[table + 32 : table + 60] = (
        guid_size + (70_000).to_bytes(4, "little") + (3).to_bytes(4, "little") + bytes(4)
    )
    assert "unreadable" in {fault.code for fault in inspect(bytes(image)).faults}


def test_content_that_nothing_speaks_for_is_raw_and_says_that_this_is_a_remainder() -> None:
    found = inspect(os.urandom(8192).replace(b"\x55\xaa", b"\0\0"))
    assert (found.format, found.recognised, found.faults) == ("raw", False, ())


def test_a_boot_sector_without_partitions_is_a_note_and_no_fault() -> None:
    found = inspect(bytes(510) + b"\x55\xaa" + bytes(4096))
    assert found.format == "raw"
    assert not found.faults
    assert "partition" in found.notes[0]


def test_a_tar_archive_is_named() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("disk.raw"))
    found = inspect(packed.getvalue())
    assert "tar archive" in found.notes[0]
    assert found.virtual_size is None


@pytest.mark.parametrize("format_", ["qcow2", "vmdk", "vdi", "vhdx", "raw"])
def test_images_of_qemu_img_are_recognised(tmp_path: Path, format_: str) -> None:
    tool = shutil.which("qemu-img")
    if tool is None:
        assert "REQUIRE_QEMU_IMG" not in os.environ, "needs qemu-img (Debian: qemu-utils)"
        pytest.skip("needs qemu-img (Debian: qemu-utils)")
    path = tmp_path / "image"
    subprocess.run([tool, "create", "-q", "-f", format_, str(path), "8M"], check=True)
    found = verify_safe(measure(file_chunks(path)).inspection)
    assert (found.format, found.virtual_size) == (format_, 8 << 20)


def test_a_backing_file_that_qemu_img_made_is_found(tmp_path: Path) -> None:
    tool = shutil.which("qemu-img")
    if tool is None:
        assert "REQUIRE_QEMU_IMG" not in os.environ, "needs qemu-img (Debian: qemu-utils)"
        pytest.skip("needs qemu-img (Debian: qemu-utils)")
    (tmp_path / "below").write_bytes(images.disk())
    path = tmp_path / "image"
    subprocess.run(
        [tool, "create", "-q", "-f", "qcow2", "-b", "below", "-F", "raw", str(path)], check=True, cwd=tmp_path
    )
    with pytest.raises(UnsafeImageError, match="backing file"):
        verify_safe(measure(file_chunks(path)).inspection)


@pytest.mark.parametrize(
    ("content", "format_", "compression"),
    [
        (images.qcow2(), "qcow2", None),
        (gzip.compress(images.qcow2()), "qcow2", "gz"),
        (images.disk(), "raw", None),
        (b"nothing that is known" * 5000, None, None),
        (gzip.compress(b"abc")[:11], None, "gz"),
        (b"", None, None),
    ],
    # What gzip makes begins with the time.
    ids=["qcow2", "packed qcow2", "disk", "unknown", "cut gzip", "empty"],
)
def test_a_beginning_tells_what_it_can(content, format_, compression) -> None:
    found = peek(content[: 64 * 1024])
    assert (found.format, found.compression) == (format_, compression)
