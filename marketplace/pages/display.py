"""Text and values as pages show them: nothing invisible, nothing endless, numbers with units.

Escaping markup is the templates' business and always on. What is left is text
that harms without any markup: characters that reorder or hide what stands
beside them (Unicode Technical Report 36, section 2), and sheer length.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from marketplace.http.coordinates import part_path
from marketplace.locations.links import link
from marketplace.moments import relative
from validators.document import format_time

#: Control characters but tab and line ends, half surrogate pairs, direction marks and overrides, and
#: characters of no width that no script needs.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
#: Marks piled higher than any language does cover the lines above and below.
_PILED = re.compile(f"([{_MARKS}]{{4}})[{_MARKS}]+")

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: Keeps a number and its unit on one line.
_TIED = "\u00a0"
#: An address or the name of a setting (``mail.host``) at the beginning.
_NAME = re.compile(r"\S+@|[a-z_]+\.[a-z_]+\b", re.ASCII)
_MOMENT = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def visible(text: str) -> str:
    """The text with every hidden character spelled out, as ``[U+202E]``."""
    if text.isascii() and text.isprintable():
        return text
    return _PILED.sub(r"\1", _HIDDEN.sub(_spelled, text))


def _spelled(found: re.Match[str]) -> str:
    return f"[U+{ord(found.group()):04X}]"


def finalize(value: Any) -> Any:
    """What every ``{{ expression }}`` of a template passes: text becomes visible, markup of ours stays."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def typed(text: str) -> Markup:
    """A reader's own input, to stand in its field unchanged (and escaped)."""
    return Markup.escape(text)


def cut(text: str, length: int = 120) -> str:
    """At most ``length`` characters, an ellipsis in place of the rest."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def prose(text: str, length: int = 4000) -> str:
    """A longer text with its lines, but never more than one blank line in a row."""
    short = _without_blank_lines(text[: 2 * length])
    if len(short) <= length and len(text) <= 2 * length:
        return short
    return f"{cut(short, length)} ({len(text)} characters in all: see the signed entry)"


def _without_blank_lines(text: str) -> str:
    """The paragraphs of a text with one blank line between, in time that grows with its length only."""
    paragraphs: list[list[str]] = [[]]
    for line in text.split("\n"):
        if not line.isspace() and line:
            paragraphs[-1].append(line)
        elif paragraphs[-1]:
            paragraphs.append([])
    return "\n\n".join("\n".join(lines).strip() for lines in paragraphs if lines)


def file_size(size: int) -> str:
    """Bytes in the largest unit that leaves a number above one: ``4.2 GiB``."""
    amount, unit = float(size), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{size}{_TIED}bytes" if unit == 0 else f"{amount:.1f}{_TIED}{_UNITS[unit]}"


def grouped(number: int) -> str:
    """A number with its thousands apart, as ISO 80000-1 writes them."""
    return f"{number:,}".replace(",", "\u202f")


def plural(number: int, one: str, several: str = "") -> str:
    """``1 entry``, ``2 entries``."""
    return f"{grouped(number)} {one if number == 1 else several or one + 's'}"


def day(moment: datetime) -> str:
    """The date of a moment, as ``4 Mar 2024``: the same in every locale, never broken over lines."""
    return f"{moment.day}{_TIED}{_MONTHS[moment.month - 1]}{_TIED}{moment.year}"


def since(moment: datetime, now: datetime) -> str:
    """A moment as people speak of it: ``6 days ago``, ``in 20 days``; the date beyond a year."""
    return relative(moment, now) or f"on{_TIED}{day(moment)}"


def is_near(moment: datetime, now: datetime) -> bool:
    """Whether ``since`` says more than the date."""
    return relative(moment, now) is not None


def month(moment: datetime) -> str:
    """The month of a moment, as ``Mar 2024``."""
    return f"{_MONTHS[moment.month - 1]}{_TIED}{moment.year}"


def soft(text: str) -> Markup:
    """An e-mail address that may be broken behind its @, where there is no room for all of it."""
    return Markup("@<wbr>").join(visible(text).split("@"))


def part(text: str) -> str:
    """A text as one part of a path: slashes do not divide it."""
    return quote(text, safe="@:+~")


def sentence(text: str) -> str:
    """A clause as a sentence of its own; an address or a setting that it begins with stays as it is."""
    first = text[:1] if _NAME.match(text) else text[:1].upper()
    ended = text.endswith((".", "…", '."'))
    return f"{first}{text[1:]}{'' if ended else '.'}"


def dated(text: str) -> Markup:
    """A text whose moments (``2026-11-29T10:00:00Z``) are dates, with the exact time on hover.

    Moments of one day differ by the clock, so they are shown with it.
    """
    found = [(one.span(), moment) for one in _MOMENT.finditer(text) if (moment := _moment(one[0]))]
    several = Counter(moment.date() for moment in dict.fromkeys(moment for _, moment in found))
    shown = Markup("")
    at = 0
    for (begin, end), moment in found:
        clock = moment.strftime(f"{_TIED}%H:%M:%S{_TIED}UTC") if several[moment.date()] > 1 else ""
        shown += visible(text[at:begin])
        shown += Markup('<time datetime="{0}" title="{0}">{1}{2}</time>').format(
            text[begin:end], day(moment), clock
        )
        at = end
    return shown + visible(text[at:])


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # a publisher's text may have a day that no month has
        return None


#: What templates call these.
FILTERS = {
    "cut": cut,
    "dated": dated,
    "day": day,
    "file_size": file_size,
    "grouped": grouped,
    "is_near": is_near,
    "iso": format_time,
    "link": link,
    "part": part,
    "part_path": part_path,
    "sentence": sentence,
    "plural": plural,
    "since": since,
    "prose": prose,
    "soft": soft,
    "typed": typed,
}
