"""From rectified pairs to novel views: reconstruction frame by frame, camera paths, rendering."""
