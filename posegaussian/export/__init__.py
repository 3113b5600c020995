"""What leaves the pipeline for other programs: point clouds, pictures and videos."""
