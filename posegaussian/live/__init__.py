"""From two cameras to novel views in a browser, while they film; DESIGN of the loop: see `session`."""
