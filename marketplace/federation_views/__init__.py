"""The views that peers read: thin ones over the federation's services."""
