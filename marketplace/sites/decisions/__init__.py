"""May this image start? Answered from memory, and from one file that outlives the process."""
