"""The Heatmap tab: a classifier made fully convolutional, and its class maps on a picture."""
