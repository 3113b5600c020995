"""BlazePose, MediaPipe's detector of people, of their 33 landmarks and of a coarse matte, in PyTorch."""
