"""Getting the bytes of an image from where its endorsers say it lies, within bounds."""
