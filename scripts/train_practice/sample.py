"""The sample task of the first run, chosen by hand: the models agree on some of its steps and disagree on others."""

SAMPLE = {
    "description": {
        "en": "1: add 7 and 8\n2: subtract 2 from 9\n3: last of: parser cache index\n4: add step 1 and step 2",
        "pt-br": "1: some 7 e 8\n2: subtraia 2 de 9\n3: última de: parser cache index\n4: some passo 1 e passo 2",
    },
    "models": {
        "planner": "practice-good",
        "executor": "practice-bad",
        "validator": "practice-mediocre",
        "tie_breaker": "practice-good",
    },
}
