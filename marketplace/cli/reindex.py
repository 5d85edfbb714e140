"""``marketplace reindex``."""

from __future__ import annotations

import click

from marketplace.cli.database import open_database
from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.options import SettingsSource, settings_options
from marketplace.cli.progress import progress
from marketplace.cli.streams import say
from marketplace.moments import counted


@examples("marketplace reindex --config marketplace.ini")
@click.command()
@settings_options
def reindex(source: SettingsSource) -> None:
    """Delete the search index and build it again from the log.

    Searches for words answer 503 in the meantime; everything else works.
    """
    from marketplace.changes import ChangeLog
    from marketplace.search.engines import open_engine
    from marketplace.search.errors import SearchError
    from marketplace.search.indexer import SearchIndexer

    settings = source.read()
    with open_database(settings) as database:
        engine = open_engine(settings, database)
        if engine is None:
            raise CommandError("search.engine is off: there is no index to build", ExitCode.USAGE)
        indexer = SearchIndexer(database, engine)
        with database.read() as session:
            logs = ChangeLog(session)
            rows = sum(map(logs.size, logs.names()))
        done: dict[str, int] = {}
        try:
            with progress("Indexing", rows) as advance:

                def tell(log: str, position: int, size: int) -> None:
                    advance(position - done.get(log, 0))
                    done[log] = position

                taken = indexer.rebuild(tell)
        except (SearchError, OSError) as error:
            raise CommandError(f"the index was not built: {error}", ExitCode.OTHER) from None
        finally:
            indexer.close()
    say(f"{engine.name} index built from {counted(taken, 'log row')}.")
