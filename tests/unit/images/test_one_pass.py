"""The one pass: what it tells, from any pieces, within bounds, and how it ends early."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import random
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from marketplace.images import (
    BLOCK,
    ChangedError,
    CompressedDataError,
    DecompressionMemoryError,
    EmptyImageError,
    ImageError,
    ImageTooLargeError,
    NoFileError,
    OnePass,
    file_chunks,
    measure,
)
from tests.factories import images
from validators.identifier import identifier_from_sha1

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda image: zstd.compress(image, options={zstd.CompressionParameter.checksum_flag: 1}),
}
#: Half compresses well and half not at all; longer than several blocks, and no multiple of one.
IMAGE = images.disk(2 * BLOCK + 777, fill=b"marketplace") + random.Random(7).randbytes(BLOCK)


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def test_everything_is_told_of_an_image() -> None:
    seen: list[bytes] = []
    measured = measure(pieces(IMAGE, 1000), sink=seen.append)
    assert b"".join(seen) == IMAGE
    assert measured.size == measured.stored_size == len(IMAGE)
    assert measured.compression is None
    assert measured.digests == {
        "MD5": hashlib.md5(IMAGE).hexdigest(),
        "SHA-1": hashlib.sha1(IMAGE).hexdigest(),
        "SHA-256": hashlib.sha256(IMAGE).hexdigest(),
        "SHA-512": hashlib.sha512(IMAGE).hexdigest(),
    }
    assert measured.identifier == identifier_from_sha1(measured.digests["SHA-1"])


def test_only_the_digests_that_are_asked_for_are_made() -> None:
    measured = measure([IMAGE], algorithms=["SHA-384"])
    assert measured.digests == {"SHA-384": hashlib.sha384(IMAGE).hexdigest()}
    assert measured.identifier == ""
    with pytest.raises(ValueError, match="SHA-3"):
        OnePass(["SHA-3"])


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("size", [1, 13, 4096, 1 << 30], ids=str)
def test_compressed_images_are_told_by_their_uncompressed_bytes(name: str, size: int) -> None:
    image = IMAGE if size > 100 else images.disk(20_000)
    packed = PACKERS[name](image)
    measured = measure(pieces(packed, size))
    assert measured.compression == name
    assert measured.digests["SHA-512"] == hashlib.sha512(image).hexdigest()
    assert (measured.size, measured.stored_size) == (len(image), len(packed))
    assert measured.inspection.format == "raw"


@pytest.mark.parametrize("name", PACKERS)
def test_several_streams_are_one_image(name: str) -> None:
    half = len(IMAGE) // 2
    packed = PACKERS[name](IMAGE[:half]) + PACKERS[name](b"") + PACKERS[name](IMAGE[half:])
    assert measure(pieces(packed, 999)).digests["SHA-1"] == hashlib.sha1(IMAGE).hexdigest()


@pytest.mark.parametrize("name", PACKERS)
def test_zero_bytes_behind_a_stream_are_padding(name: str) -> None:
    assert measure([PACKERS[name](IMAGE) + bytes(3 * BLOCK)]).size == len(IMAGE)


def test_a_skippable_frame_may_come_first() -> None:
    assert measure([b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + zstd.compress(IMAGE)]).size == len(IMAGE)


@pytest.mark.parametrize("name", PACKERS)
def test_data_that_is_cut_short_is_refused_wherever_it_is_cut(name: str) -> None:
    packed = PACKERS[name](images.disk(9000, fill=b"xyz"))
    for length in (*range(12, len(packed) - 1, max(1, len(packed) // 40)), len(packed) - 1):
        with pytest.raises(CompressedDataError):
            measure([packed[:length]])


@pytest.mark.parametrize("name", PACKERS)
def test_damage_and_bytes_behind_the_data_are_refused(name: str) -> None:
    packed = PACKERS[name](IMAGE)
    with pytest.raises(CompressedDataError):
        measure([packed + b"something else"])
    middle = len(packed) // 2
    with pytest.raises(CompressedDataError):
        measure(
            [
                packed[:middle]
                + bytes(255 - each for each in packed[middle : middle + 64])
                + packed[middle + 64 :]
            ]
        )


@given(st.binary(max_size=300), st.sampled_from(["", "gz", "bz2", "xz", "zst"]), st.integers(1, 50))
def test_any_bytes_in_any_pieces_are_measured_alike_or_refused_alike(
    data: bytes, start: str, size: int
) -> None:
    whole = (PACKERS[start](b"abc")[:12] if start else b"") + data

    def outcome(chunks: Iterator[bytes]) -> object:
        try:
            return measure(chunks)
        except ImageError as error:
            return error.code

    assert outcome(pieces(whole, size)) == outcome(iter([whole]))


@pytest.mark.parametrize("name", PACKERS)
def test_a_bomb_stops_at_the_size_that_is_allowed(name: str) -> None:
    handed_out = 0

    def count(block: bytes) -> None:
        nonlocal handed_out
        handed_out += len(block)

    bomb = PACKERS[name](bytes(64 * BLOCK))
    assert len(bomb) < BLOCK
    with pytest.raises(ImageTooLargeError, match=str(2 * BLOCK)):
        measure([bomb], most_bytes=2 * BLOCK, sink=count)
    assert handed_out == 2 * BLOCK


def test_an_image_of_just_the_allowed_size_passes() -> None:
    assert measure([IMAGE], most_bytes=len(IMAGE)).size == len(IMAGE)
    with pytest.raises(ImageTooLargeError):
        measure([IMAGE], most_bytes=len(IMAGE) - 1)


def test_compressed_bytes_that_make_nothing_are_bounded_too() -> None:
    nothing = gzip.compress(b"") * 100_000
    with pytest.raises(ImageTooLargeError, match="came for an image of at most"):
        measure([nothing], most_bytes=1000)


def test_data_that_needs_too_much_memory_is_refused() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 29}]
    with pytest.raises(DecompressionMemoryError, match="128 MiB"):
        measure([lzma.compress(b"abc", filters=filters)])
    options = {
        zstd.CompressionParameter.window_log: 28,
        zstd.CompressionParameter.enable_long_distance_matching: 1,
    }
    packer = zstd.ZstdCompressor(options=options)
    with pytest.raises(DecompressionMemoryError, match="128 MiB"):
        measure([packer.compress(IMAGE) + packer.flush()])


@pytest.mark.parametrize(
    "chunks", [[], [b""], [gzip.compress(b"")], [zlib.compress(b"", wbits=31) + bytes(99)]]
)
def test_an_empty_image_is_refused(chunks: list[bytes]) -> None:
    with pytest.raises(EmptyImageError):
        measure(chunks)


def test_leaving_early_ends_the_threads() -> None:
    before = threading.active_count()
    with pytest.raises(OSError, match="full"), OnePass() as one_pass:
        for _ in one_pass.blocks(pieces(IMAGE, BLOCK)):
            raise OSError("full")
    assert threading.active_count() == before


def test_a_file_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(IMAGE)
    chunks = file_chunks(path)
    next(chunks)
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(ChangedError, match="changed while it was read"):
        measure(chunks)


def test_a_file_that_is_replaced_meanwhile_is_refused(tmp_path: Path) -> None:
    path, other = tmp_path / "image", tmp_path / "other"
    path.write_bytes(IMAGE)
    other.write_bytes(IMAGE)
    chunks = file_chunks(path)
    next(chunks)
    other.replace(path)
    with pytest.raises(ChangedError):
        measure(chunks)


def test_only_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, Path("/dev/zero"), tmp_path / "pipe"):
        with pytest.raises(NoFileError, match=str(path)):
            next(file_chunks(path))


def test_the_memory_of_a_pass_does_not_grow_with_the_image() -> None:
    program = (
        "import sys, re\n"
        "from marketplace.images import measure\n"
        "measure(bytes(1 << 20) for _ in range(int(sys.argv[1])))\n"
        # Not getrusage: its maximum counts the process that started this one.
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])\n"
    )
    small, large = (
        int(subprocess.run([sys.executable, "-c", program, size], check=True, capture_output=True).stdout)
        for size in ("8", "200")
    )
    assert large < 60 * 1024
    assert large - small < 4 * 1024
