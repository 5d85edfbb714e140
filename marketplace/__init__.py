"""The Marketplace: keeps, proves and serves signed metadata about images."""
