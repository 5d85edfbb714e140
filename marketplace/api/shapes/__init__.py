"""What the API answers and takes, as frozen models: views return them, and OpenAPI is derived from them.

Clients must ignore members that they do not know: some will be added.
"""
