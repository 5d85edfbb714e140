"""SPARQL over every public entry: a triple store that follows the log, and queries that can be killed."""
