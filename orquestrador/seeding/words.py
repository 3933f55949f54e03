"""What seeded people ask and seeded AIs answer."""

from __future__ import annotations

import random

ABOUT = (
    "the quarterly report",
    "our returns policy",
    "a small shop's database",
    "the onboarding e-mail",
    "the tax form for 2026",
    "a bicycle rental contract",
    "the kitchen's allergy list",
    "the warehouse in Recife",
    "a lesson on fractions",
    "the release notes of version 4",
    "the incident of Tuesday night",
    "a survey of 240 customers",
    "the price list in euros",
    "a garden that gets little sun",
    "the minutes of the board",
    "an API that times out",
    "the museum's audio guide",
    "a recipe without gluten",
)
ASKS = (
    "Summarise {about} in five sentences, and say what is missing.",
    "Compare two ways to handle {about}. Which one would you take, and why?",
    "Translate {about} into Portuguese; keep the tone friendly and the numbers exact.",
    "Find the mistakes in {about} and list them with a correction each.",
    "Draft a reply about {about}. At most 120 words, no jargon.",
    "Write a SQL query that shows how {about} changed month by month.",
    "Explain {about} to somebody who has never heard of it.",
    "What would go wrong first with {about}? Rank the risks.",
    "Turn {about} into a checklist for a new colleague.",
    "Is it legal to publish {about} as it stands? Name the doubts.",
)
ANSWERS = (
    "In short: {about} is sound, but two figures do not add up. The total on page 3 is 4 % lower than its parts, "
    "and the date of delivery comes before the order.\n\n1. Check the rounding in the second table.\n2. Ask for "
    "the signed copy.\n3. Send it again.",
    "I would take the second way. It costs a little more at first, but {about} then needs one person instead of "
    "three, and nothing has to be typed twice.\n\n| | first | second |\n|---|---|---|\n| cost a month | US$ 40 | "
    "US$ 65 |\n| hours | 12 | 4 |",
    "Here is a version that says the same in plain words. I left the numbers of {about} untouched and marked with "
    "a question mark what I could not verify (?).\n\n> Dear customer, thank you for your patience. Your parcel "
    "leaves on Monday.",
    "Three things stand out about {about}:\n\n- **Time**: it takes 11 days where 6 would do.\n- **Money**: US$ "
    "1,240 are booked twice.\n- **People**: nobody is named as responsible.\n\nThe first is the quickest to mend.",
    "```sql\nSELECT date_trunc('month', created_at) AS month, count(*)\nFROM orders\nGROUP BY 1\nORDER BY 1;\n```\n"
    "\nThis shows {about} month by month. For the running total wrap it in a window function.",
)
STEPS = (
    "Read what is given",
    "Draft the answer",
    "Check the figures",
    "Compare the variants",
    "Write the summary",
    "List open points",
)
PEOPLE = ("Ana Souza", "Rui Costa", "Lia Martins", "Bruno Alves", "Eva Klein", "Tomás Reis", "Ida Berg", "João Lima", "Mia Rossi")
PROVIDERS = ("openai", "anthropic", "mistral", "lmstudio", "openrouter", "deepseek")
MODEL_NAMES = ("small", "medium", "large", "turbo", "mini", "pro", "chat", "coder", "reasoner", "vision")
MESSAGES = (
    "The server took longer than 60 s to answer.",
    "The address answered with 502 Bad Gateway.",
    "Too many requests; asked to wait 20 s.",
    "The answer ended before its end.",
    "The key was refused.",
)


def ask(chance: random.Random) -> str:
    return chance.choice(ASKS).format(about=chance.choice(ABOUT))


def answer(chance: random.Random) -> str:
    about = chance.choice(ABOUT)
    return "\n\n".join(part.format(about=about) for part in chance.sample(ANSWERS, chance.choice((1, 1, 2, 3))))
