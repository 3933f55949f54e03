"""The sample task of the first run, chosen by hand: on some of its steps the models agree, on others they do not.

The models know English phrases only, so the task is the same in every language.
"""

LINES = ("subtract 3 from 8", "add 6 and 7", "count: payroll router sensor", "add step 1 and step 2")
DESCRIPTION = "\n".join(LINES)
SAMPLE = {
    "description": {"en": DESCRIPTION, "pt-br": DESCRIPTION},
    "models": {
        "planner": "practice-good",
        "executor": "practice-bad",
        "validator": "practice-mediocre",
        "tie_breaker": "practice-good",
    },
}
