"""The current entries of every log in memory, once: what lists and searches filter, count and order by."""

from marketplace.catalogue.catalogue import Catalogue
from marketplace.catalogue.facts import Facet
from marketplace.catalogue.view import CatalogueView, Filters

__all__ = ["Catalogue", "CatalogueView", "Facet", "Filters"]
