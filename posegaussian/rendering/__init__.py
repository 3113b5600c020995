"""From a rectified pair to pictures: reading pairs, camera paths, novel views."""
