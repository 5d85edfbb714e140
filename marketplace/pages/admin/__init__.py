"""Administration in the browser: what the commands for operators do, by the same functions."""
