"""What a publisher can say of an image: the common terms by short names, all others by their own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from validators import vocabulary as v
from validators.document import format_time
from validators.drafting import PREFIXES
from validators.lint.properties import FIRST_BOOT, LICENCES, LOGIN_USERS, image_property
from validators.times import parse_time


class TermError(Exception):
    """What was said of an image cannot be written; the message is one sentence."""


@dataclass(frozen=True)
class CommonTerm:
    """A term with a short name.

    Args:
        name: short, as in ``--name``.
        element: Clark name.
        help: what it says.
        many: it may stand several times.
        question: asked on a terminal where nothing says it; empty for terms that are rarely needed.
    """

    name: str
    element: str
    help: str
    many: bool = False
    question: str = ""

    @property
    def label(self) -> str:
        """What a form calls the term."""
        return self.question or self.name.replace("-", " ").capitalize()


COMMON: Final = (
    CommonTerm("location", v.LOCATION, "URL of the content.", many=True, question="URL of the content"),
    CommonTerm("title", v.TITLE, "Title, as shown in lists.", question="Title"),
    CommonTerm("description", v.DESCRIPTION_TEXT, "What the image is for."),
    CommonTerm(
        "tag", v.ALTERNATIVE, "Tag: EMAIL/TAG points to your newest image with it.", many=True, question="Tag"
    ),
    CommonTerm("version", v.VERSION, "Version of the image.", question="Version of the image"),
    CommonTerm("os", v.OS, "Operating system, such as debian.", question="Operating system"),
    CommonTerm(
        "os-version",
        v.OS_VERSION,
        "Version of the operating system.",
        question="Version of the operating system",
    ),
    CommonTerm("arch", v.OS_ARCH, "Architecture, such as x86_64.", question="Architecture"),
    CommonTerm("format", v.FORMAT, "Format, if the content does not show it: raw.", question="Format"),
    CommonTerm("compression", v.dcterms("compression"), "Compression of the file at the location."),
    CommonTerm("type", v.TYPE, "Type: base, grid, machine, disk; default: machine."),
    CommonTerm("kind", v.KIND, "Kind: machine or disk."),
    CommonTerm(
        "valid",
        v.VALID,
        "Date of expiry: TIME, YYYY-MM-DD or a number of days (90d).",
        question="Valid until",
    ),
    CommonTerm("licence", LICENCES[0], "Licence, such as CC0-1.0 or a URL.", question="Licence"),
    CommonTerm(
        "login-user",
        image_property(LOGIN_USERS[0]),
        "User name to log in to a new machine.",
        question="Login user",
    ),
    CommonTerm(
        "first-boot", FIRST_BOOT, "First-boot system: cloud-init, ignition, none.", question="First boot"
    ),
    CommonTerm("creator", v.dcterms("creator"), "Who made the image."),
    CommonTerm("publisher", v.PUBLISHER, "Who publishes the image."),
    CommonTerm("hypervisor", v.slterms("hypervisor"), "Hypervisor that the image is made for."),
    CommonTerm("inbound-port", v.INBOUND_PORT, "Inbound port to open.", many=True),
    CommonTerm("outbound-port", v.OUTBOUND_PORT, "Outbound port to open.", many=True),
    CommonTerm("icmp", v.ICMP, "ICMP type to allow.", many=True),
    CommonTerm("replaces", v.dcterms("replaces"), "Identifier of the image that this one replaces."),
)
_BY_NAME: Final = {term.name: term for term in COMMON}
_LOCAL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,99}")
_CLARK: Final = re.compile(r"\{([^{}\s]{1,255})\}([A-Za-z_][A-Za-z0-9._-]{0,99})")
_DAYS: Final = re.compile(r"([0-9]{1,4})d")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_OURS: Final = frozenset({v.RDF, v.SLREQ, v.DSIG, v.XML})


def parse_setting(text: str) -> tuple[str, str]:
    """Read ``TERM=VALUE``; an empty value takes the term out.

    TERM is a short name (``title``), a name with a prefix (``slterms:disks-bus``,
    ``glance:os_admin_user``) or one in a namespace of its own (``{http://example.org/x#}lab``).

    Raises:
        TermError: there is no such term, or it is not for a publisher to set.
    """
    name, equals, value = text.partition("=") if not text.startswith("{") else _split_clark(text)
    if not equals:
        raise TermError(f"{text}: write TERM=VALUE")
    return parse_name(name), value


def parse_name(name: str) -> str:
    """The Clark name of a term.

    Raises:
        TermError: as of ``parse_setting``.
    """
    if name in _BY_NAME:
        return _BY_NAME[name].element
    clark = _CLARK.fullmatch(name)
    prefix, _, local = name.partition(":")
    if clark is not None:
        element = name
    elif prefix in PREFIXES and _LOCAL.fullmatch(local):
        element = f"{{{PREFIXES[prefix]}}}{local}"
    else:
        known = ", ".join(f"{one}:" for one in PREFIXES)
        raise TermError(f"{name}: no such term; short names are in --help, other prefixes are {known}")
    if v.namespace_of(element) in _OURS or element == v.IDENTIFIER:
        raise TermError(f"{name}: cannot be set: it follows from the image and the signature")
    return element


def parse_end(text: str, now: datetime) -> str:
    """Read an end of validity as the format writes it.

    Args:
        text: ``YYYY-MM-DDThh:mm:ssZ``, ``YYYY-MM-DD`` for the end of that day, or ``90d`` for so many days.
        now: aware.

    Raises:
        TermError: it is none of these.
    """
    days = _DAYS.fullmatch(text)
    try:
        if days:
            day = now.astimezone(UTC) + timedelta(days=int(days[1]))
            return format_time(day.replace(hour=23, minute=59, second=59))
        return format_time(parse_time(f"{text}T23:59:59Z" if _DAY.fullmatch(text) else text))
    except (ValueError, OverflowError):
        raise TermError(
            f"{text} is not YYYY-MM-DDThh:mm:ssZ, YYYY-MM-DD or a number of days such as 90d"
        ) from None


def _split_clark(text: str) -> tuple[str, str, str]:
    namespace, brace, rest = text.partition("}")
    local, equals, value = rest.partition("=")
    return f"{namespace}{brace}{local}", equals, value
