"""The figures of the pages, and the demonstration that ``minibnn demo`` shows."""
