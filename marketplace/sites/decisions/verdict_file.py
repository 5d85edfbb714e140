"""The verdict file: one consistent answer for any program in any language, replaced as a whole.

::

    # marketplace verdicts 1  made <epoch>  fresh-until <epoch>  stale refuse  unknown allow
    KEY allow|refuse UNTIL REASON

Sorted by key; UNTIL is an epoch or ``-``. A reader that finds now beyond ``fresh-until``
does what ``stale`` says; beyond UNTIL an ``allow`` counts no longer. Spaces, line ends and
``%`` in a key are written as ``%XX``.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from marketplace.files import write_whole
from marketplace.sites.decisions.answers import Answers, TimedVerdict

NAME: Final = "verdicts"
#: Characters that stand for themselves in a key.
_SAFE: Final = "/:@!$&'()*+,;=-._~^[]{}|\"<>#?`\\"
_MOST_BYTES: Final = 256 << 20


def write_verdicts(folder: Path, answers: Answers) -> None:
    """Replace the file.

    Raises:
        OSError: it cannot be written; the old one stays.
    """
    head = (
        f"# marketplace verdicts 1  made {int(answers.made)}  fresh-until {math.floor(answers.fresh_until)}  "
        f"stale {answers.when_stale}  unknown {answers.unknown}\n"
    )
    lines = [
        f"{quote(key, safe=_SAFE)} {'allow' if one.allowed else 'refuse'} "
        f"{'-' if one.until is None else math.floor(one.until)} {one.reason}\n"
        for key, one in sorted(answers.verdicts.items())
    ]
    write_whole(folder / NAME, (head + "".join(lines)).encode("utf-8", "replace"))


def read_verdicts(folder: Path) -> Answers:
    """The answers of the file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a verdict file.
    """
    with (folder / NAME).open("rb") as file:
        data = file.read(_MOST_BYTES)
    head, *lines = data.decode().splitlines()
    words = head.split()
    if words[:4] != ["#", "marketplace", "verdicts", "1"]:
        raise ValueError(f"{folder / NAME} is not a verdict file")
    said = dict(zip(words[4::2], words[5::2], strict=False))
    verdicts = {}
    for line in lines:
        key, answer, until, reason = line.split(" ", 3)
        verdicts[unquote(key)] = TimedVerdict(
            answer == "allow", None if until == "-" else float(until), reason
        )
    return Answers(
        verdicts,
        float(said["made"]),
        float(said["fresh-until"]),
        "keep" if said["stale"] == "keep" else "refuse",
        "allow" if said["unknown"] == "allow" else "refuse",
    )
