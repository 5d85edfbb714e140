"""What a publisher does before an entry is there: facts of the image, draft, location, steps.

Nothing of the server is in here; ``marketplace/cli`` calls it.
"""
