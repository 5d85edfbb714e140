"""A cloud site: follows marketplaces, imports what its policy allows, answers at every start.

It believes nothing that it has not proven. Nothing here knows the server: no SQLAlchemy, no
Pyramid (docs/sites.md).
"""
