"""What was stated before fitting: for each feature its usual mean and spread over prompts (no label is in these), and a weight.

A weight says what was expected: length and steps, conditions, comparisons, statements to judge, code and mathematics make a
strong model worth its price; small talk, rewording and free writing do not. Among options, such as are alike or use the words
of the question are hard to tell apart. A weight of 0 leaves the feature to the data. The prompt of a question with options is
paid for by the token and answered by a letter, so its length counts against it.
"""

from __future__ import annotations

STATED: dict[str, tuple[float, float, float]] = {  # name: mean, spread, weight
    "acronyms": (0.005, 0.068, 0.0),
    "analyse": (0.040, 0.230, 0.3),
    "best_of": (0.104, 0.321, 0.5),
    "blank": (0.010, 0.149, 0.0),
    "brackets": (0.043, 0.242, 0.0),
    "calculate": (0.107, 0.352, 1.0),
    "capitals": (0.091, 0.137, 0.0),
    "code": (0.070, 0.314, 1.5),
    "code_marks": (0.001, 0.099, 1.0),
    "commas": (0.742, 0.781, 0.5),
    "condition": (0.234, 0.405, 1.0),
    "constraint": (0.162, 0.381, 0.3),
    "create": (0.059, 0.285, -1.0),
    "distinct_numbers": (0.723, 0.762, 0.0),
    "distinct_words": (0.788, 0.196, -0.5),
    "ends_as_question": (0.607, 0.538, -0.3),
    "ends_open": (0.192, 0.444, 0.0),
    "fact": (0.331, 0.472, -0.5),
    "first_person": (0.114, 0.456, 0.5),
    "how_why": (0.306, 0.449, -0.3),
    "judge": (0.106, 0.431, 2.0),
    "justify": (0.012, 0.139, 0.7),
    "last_sentence": (2.563, 0.538, 0.5),
    "law": (0.039, 0.299, 0.5),
    "length": (3.475, 0.801, 3.0),
    "lines": (0.102, 0.438, 0.0),
    "list_asked": (0.063, 0.262, -0.3),
    "list_items": (0.056, 0.332, 0.0),
    "long_words": (0.099, 0.139, -0.5),
    "medicine": (0.019, 0.182, 0.0),
    "money": (0.145, 0.441, 0.0),
    "negation": (0.126, 0.378, 0.5),
    "number_share": (0.047, 0.116, 0.0),
    "number_word": (0.191, 0.430, 0.5),
    "numbers": (0.754, 0.802, 0.0),
    "percent": (0.065, 0.301, 0.0),
    "persona": (0.054, 0.252, -1.0),
    "proof": (0.002, 0.083, 1.5),
    "quantity_asked": (0.209, 0.371, 0.0),
    "questions": (0.490, 0.407, 0.0),
    "quotes": (0.096, 0.381, 0.0),
    "relation": (0.349, 0.634, 0.7),
    "research": (0.060, 0.260, 0.0),
    "rework": (0.014, 0.148, -1.0),
    "science": (0.051, 0.264, 0.3),
    "second_person": (0.151, 0.427, -0.7),
    "sentence_length": (2.607, 0.411, 0.0),
    "sentences": (1.297, 0.574, 0.5),
    "small_talk": (0.055, 0.238, -1.0),
    "symbols": (0.102, 0.423, 0.3),
    "third_person": (0.534, 0.778, 1.0),
    "universal": (0.234, 0.452, 0.5),
    "visual": (0.003, 0.096, 0.0),
    "word_length": (4.706, 0.795, -0.5),
    "years": (0.063, 0.288, 0.0),
    "option_alike": (0.231, 0.314, 3.0),
    "option_both_or_none": (0.106, 0.358, 0.0),
    "option_capitals": (0.469, 1.015, 0.0),
    "option_commas": (0.249, 0.449, 1.0),
    "option_in_question": (0.218, 0.291, 3.0),
    "option_last_longest": (0.395, 0.539, 0.0),
    "option_longest": (3.616, 1.088, 0.0),
    "option_mean": (3.383, 1.074, 0.0),
    "option_negated": (0.100, 0.272, 1.4),
    "option_numeric": (0.182, 0.414, 0.0),
    "option_one_word": (0.183, 0.407, -2.0),
    "option_prompt_length": (5.831, 0.822, -4.5),
    "option_ratio": (1.849, 1.432, 0.0),
    "option_shortest": (3.072, 1.105, 0.0),
    "option_word_length": (5.261, 2.199, 0.0),
    "option_yes_no": (0.135, 0.392, 1.0),
    "options": (4.071, 0.411, 0.0),
}

# Middle and steepness of the curve from the raw estimate to 0-100, chosen so that the bands mean what their names say: greetings
# and facts below 30, everyday writing and questions below 60, word problems about 60, hard mathematics and programs above 80.
LEVEL = (0.1, 1.3)
CHOICE_LEVEL = (0.1, 0.7)
