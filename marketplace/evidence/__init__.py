"""One file that proves what a marketplace said at a moment: the server makes it, anybody proves it."""
