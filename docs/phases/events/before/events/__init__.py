"""What happens to jobs and workers, said to whoever listens."""
