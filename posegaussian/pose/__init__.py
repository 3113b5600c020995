"""Human pose: 2D joints from MMPose, and what the network makes of them."""
