"""A document with one value, one element or one text altered."""

# A case a line is easier to compare than cases that are broken up.

from __future__ import annotations

import re

from tests.unit.validators.judging import made, put_last, replaced

MD5, SHA256, SHA384, SHA512 = "a" * 32, "b" * 64, "c" * 96, "D" * 128


def of(old: str, new: str) -> bytes:
    return made(replaced(old, new))


def last(xml: str) -> bytes:
    return made(put_last(xml))


def without(element: str) -> bytes:
    def hook(text: str) -> str:
        found = re.findall(rf"<{element}[ >].*?</{element}>", text, re.S)
        assert len(found) == 1
        return text.replace(found[0], "")

    return made(hook)


def twice(element: str) -> bytes:
    def hook(text: str) -> str:
        found = re.search(rf"<{element}[ >].*?</{element}>", text, re.S)
        assert found is not None
        return text.replace(found[0], found[0] * 2)

    return made(hook)
