"""A part that ends at once, as a program with a mistake does."""

raise ValueError("this part has a mistake")
