"""The original URL space: lists, entries, uploads and queries as its clients know them."""
