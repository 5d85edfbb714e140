"""The parts that evaluate views, for a command beside a running server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from marketplace.cli.database import open_database
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.config import Settings
from marketplace.db import Database
from marketplace.entries import ListCaches
from marketplace.ingest.site_filter import SiteFilter
from marketplace.judging.service import ImageJudge
from marketplace.moments import utc_now
from marketplace.rules.trust import ListedTrust
from marketplace.search.engines import open_indexes
from marketplace.search.errors import SearchError
from marketplace.search.indexer import SearchIndexer
from marketplace.search.service import SearchService
from marketplace.trust import TrustService, open_store
from marketplace.trust.stored_crls import StoredCrls
from marketplace.views.errors import DialectUnavailableError
from marketplace.views.reading import ImageReader
from marketplace.views.selector import Selector
from marketplace.views.signing import SigningKeys
from validators.policy import PolicyError


@contextmanager
def evaluating(settings: Settings, view: str) -> Iterator[tuple[Database, Selector]]:
    """The configured database, and what evaluates a view in it with the words that its index knows.

    Raises:
        CommandError: the view cannot be evaluated.
    """
    try:
        with open_database(settings) as database, open_indexes(settings, database) as indexes:
            yield database, open_selector(settings, database, indexes)
    except (SearchError, PolicyError, DialectUnavailableError) as error:
        raise CommandError(f"the view {view} cannot be evaluated: {error}", ExitCode.OTHER) from None


def open_selector(settings: Settings, database: Database, indexes: SearchIndexer | None = None) -> Selector:
    """What evaluates the views of a database.

    Args:
        indexes: by which views with words are evaluated; without them such views are refused.
    """
    lists = ListCaches()
    trust = TrustService(open_store(settings.trust, StoredCrls(database)))
    shown = SiteFilter(
        settings.federation.accept, lambda signer: trust.verdict(signer, utc_now()).standing.value
    )
    search = SearchService(database, lists.catalogue, indexes, ListedTrust(settings.trust.show), lists.lines)
    judge = ImageJudge(trust, shown)
    # A command gives out no tokens.
    return Selector(
        settings,
        database,
        lists,
        search,
        trust,
        judge,
        ImageReader(),
        SigningKeys(settings.views, utc_now),
        b"",
    )
