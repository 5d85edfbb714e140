"""Vendors' images kept current: signed catalogues in, entries of one's own out.

A catalogue is believed when OpenPGP says so, an image when its digest is the one
in the catalogue. Nothing is stored: an image is read once, in passing.
"""
