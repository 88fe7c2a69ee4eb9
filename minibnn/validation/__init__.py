"""Good arguments: what is wanted, what came, said before anything changes."""

__all__: list[str] = []  # no door: its files are asked one by one
