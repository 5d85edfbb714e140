"""A small catalogue for trying things out: really signed, by endorsers whose keys are made on the spot."""

from marketplace.demo.loading import LoadedDemo, load_demo

__all__ = ["LoadedDemo", "load_demo"]
