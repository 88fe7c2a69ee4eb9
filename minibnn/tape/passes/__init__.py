"""Ways to need fewer or quicker calls, one a file; each says what it earns."""
