"""The current entries of every log in memory, once: what lists and searches filter, count and order by."""

from marketplace.catalogue.catalogue import Catalogue
from marketplace.catalogue.view import CatalogueView, Filters
from marketplace.facets import Facet

__all__ = ["Catalogue", "CatalogueView", "Facet", "Filters"]
