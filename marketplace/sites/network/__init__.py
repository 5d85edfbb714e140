"""The ports that an image asks for, as rules of firewalls: requests of a stranger, capped by the site."""
