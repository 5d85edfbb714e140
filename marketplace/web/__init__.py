"""The original URL space and its plain pages, over the services."""
