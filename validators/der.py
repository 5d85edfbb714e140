"""DER by our own reading: what hangs on it must not change with the version of a library."""

from __future__ import annotations

from functools import lru_cache

INTEGER = 0x02
SEQUENCE = 0x30
#: Bytes of the longest object identifier that is read.
_MAX_OID = 63
#: Bytes that the length of an element may take: far more than anything here is long.
_LENGTH_BYTES = 4


def der_elements(der: bytes) -> list[bytes]:
    """The elements inside a constructed DER element, each with its header.

    Raises:
        ValueError: they are not, or the element is longer or shorter than it says.
    """
    start, end = content_span(der, 0)
    if end != len(der):
        raise ValueError(f"an element of {end} bytes in {len(der)}")
    elements = []
    while start < end:
        # No element goes beyond the end, which is that of the bytes.
        last = content_span(der, start)[1]
        elements.append(der[start:last])
        start = last
    return elements


def content_span(der: bytes, start: int) -> tuple[int, int]:
    """Where the content of the element that starts at a place begins and ends.

    Raises:
        ValueError: there is none, or its length is not written as DER asks for.
    """
    if start + 2 > len(der):
        raise ValueError("an element without a length")
    first = der[start + 1]
    if first < 0x80:
        begins, size = start + 2, first
    else:
        begins = start + 2 + (first & 0x7F)
        written = der[start + 2 : begins]
        size = int.from_bytes(written, "big")
        if not 0 < len(written) <= _LENGTH_BYTES or written[0] == 0 or size < 0x80:
            raise ValueError("an element whose length is not DER")
    if begins + size > len(der):
        raise ValueError("an element that is longer than the data")
    return begins, begins + size


def der_content(der: bytes) -> bytes:
    """What is inside a DER element.

    Raises:
        ValueError: it is no such element.
    """
    start, end = content_span(der, 0)
    if end != len(der):
        raise ValueError(f"an element of {end} bytes in {len(der)}")
    return der[start:end]


def der_element(tag: int, *contents: bytes) -> bytes:
    """Write a DER element."""
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def der_integer(der: bytes) -> int:
    """The number that a DER INTEGER is, of any size and sign.

    Raises:
        ValueError: it is none, or has a byte that it does not need.
    """
    content = der_content(der)
    if der[0] != INTEGER or not content:
        raise ValueError("not an INTEGER")
    if len(content) > 1 and content[0] in (0x00, 0xFF) and (content[0] ^ content[1]) < 0x80:
        raise ValueError("an INTEGER with a superfluous leading byte")
    return int.from_bytes(content, "big", signed=True)


@lru_cache(maxsize=1024)
def dotted(encoded: bytes) -> str:
    """An object identifier's content bytes as numbers with dots.

    Raises:
        ValueError: there are none or too many, or the last number does not end.
    """
    if not 0 < len(encoded) <= _MAX_OID or encoded[-1] >= 0x80:
        raise ValueError("not an object identifier")
    numbers: list[int] = []
    number = 0
    for byte in encoded:
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            numbers.append(number)
            number = 0
    # The first number holds two: the root, 0 to 2, and what comes below it.
    root = min(numbers[0] // 40, 2)
    return ".".join(map(str, [root, numbers[0] - 40 * root, *numbers[1:]]))
