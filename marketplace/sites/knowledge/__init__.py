"""What the site learns of marketplaces; every entry is proven before it is kept."""
