"""Lessons and challenges beside the tabs: the panel, and what keeps it in step with the benches."""
