"""The parts of a prompt's route: its values, which model is chosen, when an answer is not the last word, the second opinion."""
