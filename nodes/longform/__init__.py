"""Task `longform`: an outline, the sections in order, checks, then title and summary."""
