"""Records of the book: runs that take longer than a page may (see ``records``)."""
