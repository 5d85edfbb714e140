"""Which peers and logs this site follows, and how far."""
