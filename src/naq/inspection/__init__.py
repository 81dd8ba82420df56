"""Looking at jobs: those of a state, one of them with its history, and how many ended when."""
