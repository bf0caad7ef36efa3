"""Shipped resources: icons, translations, class names."""
