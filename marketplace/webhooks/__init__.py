"""Webhooks: tells programs of events by a signed request, at least once and in order (Standard Webhooks)."""
