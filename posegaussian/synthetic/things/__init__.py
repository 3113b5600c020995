"""Things that people wear and hold: glasses, bags, objects in the hands, calibration boards."""
