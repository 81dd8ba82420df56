"""Files: read with their encoding, and replaced as a whole or not at all."""
