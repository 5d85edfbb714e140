"""Queries about titles and tags, and the bounds under which tests ask them."""

from __future__ import annotations

from marketplace.sparql.service import QueryLimits, QueryService

ENTRIES = 40
LIMITS = QueryLimits(seconds=1.5, max_rows=100, max_bytes=2**20, max_waiting=8, max_wait=20)
PREFIXES = """
PREFIX dcterms: <http://purl.org/dc/terms/>
PREFIX slreq: <http://mp.stratuslab.eu/slreq#>
PREFIX slterms: <http://mp.stratuslab.eu/slterms#>
PREFIX bio: <http://example.org/bio#>
"""
TITLES = PREFIXES + 'SELECT ?title {?entry slterms:tag "latest"; dcterms:title ?title} ORDER BY ?title'


def values(service: QueryService, query: str, name: str) -> list[str]:
    return [row[name].value for row in service.select(query).rows]
