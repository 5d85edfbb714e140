"""What mail says of withdrawn images that sites still have: one mail for each address, whatever is in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Final

from marketplace.config import Settings
from marketplace.mail import LINK, Letter, LinkPurpose, one_line
from marketplace.moments import exact
from marketplace.presence.presence_reports import Recall, SiteCopy

#: Images, and sites of one image, that a mail names; the API has all of them.
MOST_NAMED: Final = 200
MOST_IMAGES: Final = 50


class Telling(StrEnum):
    """The times at which people are told of a withdrawn image that sites have. They begin an occasion."""

    #: At once: who has the image.
    AT_ONCE = "withdrawn"
    #: ``recall.after`` later: who has it still.
    REMINDER = "recall"


def recall_letter(
    to: str, telling: Telling, recalls: Sequence[Recall], settings: Settings, *, may_stop: bool
) -> Letter:
    """Tell an address of images that were withdrawn together.

    Args:
        recalls: one at least, with the copies that the address may know of.
        may_stop: whether it is the endorser's, who gets a link that ends such mail.
    """
    title, url = one_line(settings.site.title, 80), settings.site.url
    one = len(recalls) == 1
    lines = [
        f"{'An image was' if one else f'{len(recalls)} images were'} withdrawn at {title} ({url}). The sites "
        f"named below {'it' if one else 'each'}",
        "reported that they offer it, and have not reported that they removed it.",
        "",
        *(line for recall in recalls[:MOST_IMAGES] for line in _image(recall)),
    ]
    more = len(recalls) - MOST_IMAGES
    if more > 0:
        lines += [f"and {more} more {'image' if more == 1 else 'images'}", ""]
    lines += [*_announce(telling, settings), f"All of them, with a token: {url}/api/v1/recalls", ""]
    if may_stop:
        lines += [
            "--",
            f"No more reminders to {to}: open this page and press its button.",
            f"{LINK}/stop",
            "",
        ]
    return Letter(
        to,
        f"{title}: {_subject(telling, recalls)}",
        "\n".join(lines),
        f"{telling} {_key(recalls)} {to}",
        link=LinkPurpose.STOP if may_stop else None,
    )


def _subject(telling: Telling, recalls: Sequence[Recall]) -> str:
    sites = len({copy.site for recall in recalls for copy in recall.copies})
    still = "still " if telling is Telling.REMINDER else ""
    has = f"1 site {still}has" if sites == 1 else f"{sites} sites {still}have"
    return f"{has} {'a withdrawn image' if len(recalls) == 1 else f'{len(recalls)} withdrawn images'}"


def _image(recall: Recall) -> Iterator[str]:
    yield f"    {one_line(recall.title or 'no title', 70)}"
    yield f"      {recall.identifier}"
    yield f"      by {recall.email} at {exact(recall.created)}"
    yield f"      {one_line(recall.reason or 'no reason given', 200)}"
    for copy in recall.copies[:MOST_NAMED]:
        yield f"      - {_copy(copy)}"
    more = len(recall.copies) - MOST_NAMED
    if more > 0:
        yield f"      - and {more} more"
    yield ""


def _copy(copy: SiteCopy) -> str:
    return f"{copy.site}, store {copy.store} ({copy.kind}), since {exact(copy.at)}"


def _announce(telling: Telling, settings: Settings) -> Sequence[str]:
    """What the first mail says of the second one."""
    if telling is Telling.REMINDER:
        return []
    minutes = round(settings.recall.after / 60)
    later = "a minute" if minutes <= 1 else f"{minutes} minutes"
    return [f"A second mail lists the sites that still have the image {later} after its withdrawal.", ""]


def _key(recalls: Sequence[Recall]) -> str:
    """What the images of a mail are known by."""
    ids = sorted(recall.entry_id for recall in recalls)
    return ids[0] if len(ids) == 1 else sha256("\n".join(ids).encode()).hexdigest()
