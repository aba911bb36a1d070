"""`tandem improve`: what was escalated and what people said becomes what answers tomorrow."""
