"""Outgoing mail, confirmation and reminders, against a real SMTP server."""
