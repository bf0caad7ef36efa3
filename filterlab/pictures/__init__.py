"""Reading, writing and drawing pictures; no Qt."""
