"""The knowledge index: read documents, cut them into chunks, build, save and search."""
