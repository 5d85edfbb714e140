"""Takes in what peers have: judged, proved, page by page."""
