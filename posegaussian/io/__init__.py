"""Files: written whole or not at all, HDF5 stores, images, video, splats. Bytes, no science."""
