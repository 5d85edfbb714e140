"""Pages for people: templates, what they show, and signing in."""
