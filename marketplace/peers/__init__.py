"""Pulling from peers: read them within bounds, judge their logs, take in what acceptance lets through."""
