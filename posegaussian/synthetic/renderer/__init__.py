"""Images, masks and depths of posed people, on the CPU and on CUDA."""
