"""Files: atomic writing, HDF5 stores, images, video, splats. Bytes, no science."""
