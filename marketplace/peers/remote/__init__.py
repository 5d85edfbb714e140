"""Reads what a peer publishes, within bounds."""
