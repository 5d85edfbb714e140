"""The entries of a view that is the filter of a webhook."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC, Principal
from marketplace.catalogue.facts import Facet
from marketplace.views.definitions import Definition
from marketplace.views.errors import DialectUnavailableError, ViewNotFoundError
from marketplace.views.registry import ViewRegistry
from marketplace.views.service import ViewService
from marketplace.webhooks.definitions import Hook
from marketplace.webhooks.errors import WebhookDefinitionError


def find_entries(views: ViewService, hook: Hook) -> Collection[str] | None:
    """Ids of all entries that the view of a webhook shows, or has shown; None where it cannot be made now.

    Those that were withdrawn, expired or replaced are among them: their end is what has to be told. A view
    that is gone has none.
    """
    name = hook.filters.view or ""
    try:
        view = views.find(name, Principal(None, frozenset({PUBLIC, hook.log})))
    except ViewNotFoundError:
        return frozenset()
    except DialectUnavailableError:
        return None
    return {one.entry_id for one in view.records} | {one.entry_id for one in view.images}


def verify_view(session: Session, name: str, log: str) -> None:
    """Check that a view can be the filter of a webhook of a log.

    Raises:
        WebhookDefinitionError: it is not there for its readers, or its search has words.
    """
    try:
        found = ViewRegistry(session).get(name)
    except ViewNotFoundError:
        raise WebhookDefinitionError(f"there is no view {name}") from None
    if found.secret or not found.logs <= {PUBLIC, log}:
        raise WebhookDefinitionError(f"there is no view {name}")
    if _has_words(found):
        raise WebhookDefinitionError(
            f"the search of the view {name} has words: their index comes after events, which would be missed"
        )


def _has_words(definition: Definition) -> bool:
    return bool(definition.request({Facet.STATUS: (), Facet.TRUST: ()}).words)
