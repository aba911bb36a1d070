"""Where runs are kept step by step, so that they can go on in another process."""
