"""Pages of people and teams. One module a story."""
