"""Schedules: storing them, the times at which they run, and the scheduler that triggers."""
