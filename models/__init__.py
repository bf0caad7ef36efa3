"""Shipped models: prototxts, the pocket net, the catalogue."""
