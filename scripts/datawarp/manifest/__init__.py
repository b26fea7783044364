"""The manifest format: models, reading, writing, differences, state."""
