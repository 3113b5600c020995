"""The network: two rectified views and their joint heatmaps in, 3D Gaussians out."""
