"""One module per command: it opens files, calls the library frame by frame, and writes files."""
