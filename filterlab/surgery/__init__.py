"""Net surgery: kernels, transplant, receptive fields, heatmaps; no Qt."""
