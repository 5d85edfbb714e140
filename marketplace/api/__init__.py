"""The versioned API beside the original URL space."""
