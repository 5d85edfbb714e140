"""Proves peers' entries in processes of their own."""
