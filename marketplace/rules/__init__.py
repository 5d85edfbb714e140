"""What an entry is to a reader: each rule once, its spellings side by side. No state."""
