"""What subscriptions and people ask for and the site does not import: which images, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from marketplace.sites.settings import SubscriptionTable
from marketplace.sites.state import Intervention, InterventionKind, WantedImage


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """An image that is asked for and may not be imported.

    Args:
        asked_by: ``subscription NAME``, or the person and the reason of ``site import``.
        reason: why the site refuses the image, without a full stop.
    """

    identifier: str
    asked_by: str
    reason: str


def refused_requests(
    wishes: Sequence[WantedImage],
    interventions: Mapping[str, Intervention],
    find_refusal: Callable[[str], str | None],
    only: str | None = None,
) -> list[RefusedRequest]:
    """The images that are asked for and refused, each once, in the order of the requests.

    Args:
        find_refusal: why the site refuses an image; None if the site allows it.
        only: the subscription whose requests count; None: all, and those of people.
    """
    found: dict[str, RefusedRequest] = {}
    for identifier, asked_by in _requests(wishes, interventions, only):
        if identifier in found:
            continue
        reason = find_refusal(identifier)
        if reason is not None:
            found[identifier] = RefusedRequest(identifier, asked_by, reason)
    return list(found.values())


def subscriptions_without_images(
    subscriptions: Sequence[SubscriptionTable], wishes: Sequence[WantedImage], only: str | None = None
) -> list[str]:
    """The names of the subscriptions for which no marketplace lists an image."""
    served = {one.subscription for one in wishes}
    return [one.name for one in subscriptions if one.name not in served and only in (None, one.name)]


def _requests(
    wishes: Sequence[WantedImage], interventions: Mapping[str, Intervention], only: str | None
) -> Iterable[tuple[str, str]]:
    for wish in wishes:
        if only in (None, wish.subscription):
            yield wish.identifier, f"subscription {wish.subscription}"
    for identifier, one in interventions.items():
        if only is None and one.kind is InterventionKind.IMPORT:
            yield identifier, f"{one.author}: {one.reason}"
