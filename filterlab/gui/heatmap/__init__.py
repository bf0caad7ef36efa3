"""The Heatmap tab."""
