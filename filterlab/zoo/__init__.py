"""Models: the catalogue, getting them safely, class names; no Qt."""
