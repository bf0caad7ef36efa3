"""The layer registry: one small module for each family."""
