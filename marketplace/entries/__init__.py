"""The read side: entries as a principal may see them."""
