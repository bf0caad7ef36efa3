"""Widgets that take arrays and values, never a net."""
