"""Where images are kept so that machines can be started from them."""
