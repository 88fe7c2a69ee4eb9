"""Good arguments: what is wanted, what came, said before anything changes."""
