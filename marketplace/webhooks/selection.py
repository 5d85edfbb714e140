"""The entries of a view that is the filter of a webhook."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC, Principal
from marketplace.views.errors import DialectUnavailableError, ViewNotFoundError
from marketplace.views.registry import ViewRegistry
from marketplace.views.service import ViewService
from marketplace.webhooks.definitions import Hook
from marketplace.webhooks.errors import MemberFault, WebhookDefinitionError
from validators.errors import printable


def find_entries(views: ViewService, hook: Hook) -> Collection[str] | None:
    """Ids of all entries that the view of a webhook shows, or has shown, after everything noted until now.

    Those that were withdrawn, expired or replaced are among them: their end is what has to be told. A view
    that is gone has none.

    Returns:
        None where the view cannot be made now, or the words of its search are looked up in an index that
        comes after the events: whoever asks has to ask again.
    """
    name = hook.filters.view or ""
    views.forget()  # another process may have stored what was noted a moment ago
    try:
        view = views.find(name, Principal(None, frozenset({PUBLIC, hook.log})))
    except ViewNotFoundError:
        return frozenset()
    except DialectUnavailableError:
        return None
    if not view.whole:
        return None
    return {one.entry_id for one in view.records} | {one.entry_id for one in view.images}


def verify_view(session: Session, name: str, log: str) -> None:
    """Check that a view can be the filter of a webhook of a log.

    Raises:
        WebhookDefinitionError: it is not there for its readers.
    """
    try:
        found = ViewRegistry(session).get(name)
    except ViewNotFoundError:
        found = None
    if found is None or found.secret or not found.logs <= {PUBLIC, log}:
        raise WebhookDefinitionError(MemberFault("view", f"there is no view {printable(name)}"))
