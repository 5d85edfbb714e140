"""What reminders say, with commands to paste."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from marketplace.config.sections import SiteSettings
from marketplace.mail import LINK, Letter, LinkPurpose, one_line
from marketplace.moments import exact, for_people
from marketplace.reminders.due import MOST, Reminded

_KEYS = "--cert me.cert.pem --key me.key.pem"
#: How long an extension lasts that is proposed.
_EXTENSION = timedelta(days=365)


def expiry_letter(entries: Sequence[Reminded], days: int, now: datetime, site: SiteSettings) -> Letter:
    """Warn an endorser of entries that expire within so many days; they are his, and at least one."""
    title, email = one_line(site.title, 80), entries[0].email
    many = f"{len(entries)} entries expire" if len(entries) > 1 else "an entry expires"
    these = f"these entries of {email} expire" if len(entries) > 1 else f"this entry of {email} expires"
    within = f"within {days} days" if days > 1 else "within a day"
    until = (now + _EXTENSION).strftime("%Y-%m-%d")
    names = [shlex.quote(f"{one.identifier}/{one.email}") for one in entries]
    lines = [
        f"At {title} ({site.url})",
        f"{these} {within}:",
        "",
        *_table(entries, now),
        "",
        "To extend by a year, with the key that you signed with:",
        "",
        f"    marketplace extend --endpoint {shlex.quote(site.url)} --until {until} {_KEYS} \\",
        *_continued(names),
        "",
        "To withdraw an image:",
        "",
        f"    marketplace deprecate --endpoint {shlex.quote(site.url)} --reason 'REASON' {_KEYS} \\",
        *_continued(names),
        "",
        "--dry-run shows what would change. To let it expire, do nothing.",
        "",
        *_footer(email, site),
    ]
    return Letter(
        to=email,
        subject=f"{title}: {many} {within}",
        body="\n".join(lines),
        key=f"expiry/{email}/{days}/{uuid4()}",
        link=LinkPurpose.STOP,
    )


def location_letter(
    entry: Reminded, uri: str, reason: str, before: str, now: datetime, site: SiteSettings, digest: str
) -> Letter:
    """Tell an endorser, once, that the content of an image is not where the entry says.

    Args:
        reason: what was found there, and by whom.
        before: a sentence: what was known of the location before.
    """
    title = one_line(site.title, 80)
    name = shlex.quote(f"{entry.identifier}/{entry.email}")
    lines = [
        f"At {title} ({site.url})",
        "one of your images cannot be downloaded from its location:",
        "",
        *_table([entry], now),
        f"      {one_line(uri, 300)}",
        f"      {one_line(reason, 300)}",
        "",
        f"{before} You get no further mail about this until it is available again.",
        "",
        "To publish the entry with another location, with the key that you signed with:",
        "",
        f"    marketplace publish --endpoint {shlex.quote(site.url)} IMAGE --location URL {_KEYS} \\",
        f"        --like {name}",
        "",
        "To withdraw the image:",
        "",
        f"    marketplace deprecate --endpoint {shlex.quote(site.url)} --reason 'REASON' {_KEYS} \\",
        f"        {name}",
        "",
        *_footer(entry.email, site),
    ]
    return Letter(
        to=entry.email,
        subject=f"{title}: one of your images cannot be downloaded",
        body="\n".join(lines),
        key=f"location/{digest}/{uuid4()}",
        link=LinkPurpose.STOP,
    )


def monthly_letter(entries: Sequence[Reminded], now: datetime, site: SiteSettings) -> Letter:
    """List what an endorser endorses; the entries are his, and at least one."""
    title, email = one_line(site.title, 80), entries[0].email
    first = entries[0]
    name = shlex.quote(f"{first.identifier}/{first.email}")
    lines = [
        f"Current entries of {email} at {title}",
        f"({site.url}), {exact(now)}:",
        "",
        *_table(entries, now),
        *(
            [f"    ... and perhaps more: only the newest {MOST} are listed", ""]
            if len(entries) == MOST
            else []
        ),
        "",
        "To withdraw one of them:",
        "",
        f"    marketplace deprecate --endpoint {shlex.quote(site.url)} --reason 'REASON' {_KEYS} \\",
        *_continued([name]),
        "",
        *_footer(email, site),
    ]
    return Letter(
        to=email,
        subject=f"{title}: your entries, {now.strftime('%Y-%m')}",
        body="\n".join(lines),
        key=f"monthly/{email}/{now.strftime('%Y-%m')}/{uuid4()}",
        link=LinkPurpose.STOP,
    )


def subscription_letter(email: str, key: str, site: SiteSettings) -> Letter:
    """Ask whether reminders are wanted by whoever reads an address's mail."""
    title = one_line(site.title, 80)
    lines = [
        f"Somebody asked {title} ({site.url})",
        f"to send reminders to {email}: a monthly list of the entries of this",
        "address, and warnings before they expire.",
        "",
        "If you want them, open this page and press its button within two days:",
        "",
        f"    {LINK}/confirm",
        "",
        "Otherwise do nothing: you get no further mail about this.",
        "",
    ]
    return Letter(
        to=email,
        subject=f"Reminders from {title}?",
        body="\n".join(lines),
        key=key,
        link=LinkPurpose.SUBSCRIBE,
    )


def _table(entries: Sequence[Reminded], now: datetime) -> list[str]:
    lines: list[str] = []
    for one in entries:
        if one.deprecated:
            ends = "deprecated"
        elif one.ends is None:
            ends = "no expiry date"
        else:
            ends = f"{'expired' if one.ends < now else 'expires'} {for_people(one.ends, now)}"
        lines += [f"    {one_line(one.title or 'no title', 70)}", f"      {one.identifier}  {ends}"]
    return lines


def _continued(names: Sequence[str]) -> list[str]:
    """Arguments on lines of their own, as a shell reads them."""
    return [f"        {name} \\" for name in names[:-1]] + [f"        {names[-1]}"]


def _footer(email: str, site: SiteSettings) -> list[str]:
    return [
        "Get the command: pipx install image-marketplace",
        f"({site.url}/docs/start)",
        "",
        "--",
        f"To stop reminders to {email}, open this page and press its button.",
        f"{LINK}/stop",
        "",
    ]
