"""What sampled networks say of new rows, and how sure they are."""
