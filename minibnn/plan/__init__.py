"""The one room of speed: a computation recorded once, then replayed on fixed memory."""
