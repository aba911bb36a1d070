"""What is sensitive, and what may leave: detectors, the guard, masking, tracing."""
