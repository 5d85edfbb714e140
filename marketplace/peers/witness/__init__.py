"""Cosigns peers' checkpoints, and asks peers for theirs."""
