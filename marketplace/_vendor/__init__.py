"""Single modules of well-kept libraries, copied because their libraries bring many times what is used.

``make vendor`` writes the copies from the releases that requirements.lock names, and a test compares
them with those releases (docs/adr/0075-sixty-megabytes.md). Nobody edits a file below this folder.
"""
