"""A cluster as docs/scale.md shows it, whose machines fail while entries are uploaded."""
