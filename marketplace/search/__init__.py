"""Finding entries: words from a full-text engine, everything else from bitmaps that follow the log.

An engine answers one question only, which entries hold these words and how
well. Who may see them, which are current, filters, facets, sorting and paging
are the catalogue's, the same for every engine.
"""
