"""Where cameras stand, and how their calibration errs."""
