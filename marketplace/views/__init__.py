"""Named selections of entries, and the dialects that other programs read them in."""
