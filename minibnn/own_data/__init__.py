"""A person's own table: read, fitted, scored on rows held out, and written down."""
