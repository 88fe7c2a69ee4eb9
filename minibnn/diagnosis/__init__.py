"""What is wrong with a gradient of one of our models: the search for its mistake."""
