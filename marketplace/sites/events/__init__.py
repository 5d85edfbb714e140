"""Telling other programs what happened to images, as vmcatcher did: at least once, in order."""
