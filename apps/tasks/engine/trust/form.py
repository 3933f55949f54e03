"""Whether an answer has the form that was asked for, parses, is whole, and is an answer at all."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections import Counter

_FENCED = re.compile(r"^[ \t]*(?:```|~~~)[ \t]*([\w+#-]*)[^\n]*\n(.*?)^[ \t]*(?:```|~~~)[ \t]*$", re.DOTALL | re.MULTILINE)
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)
_REFUSAL = re.compile(
    r"\b(?:i can(?:no|')t (?:help|assist|provide|fulfil|comply|do that|answer)|i(?:'m| am) (?:unable|not able) to|"
    r"i (?:do not|don't) (?:have (?:access|information|enough)|know)|as an ai\b|"
    r"não posso (?:ajudar|atender|fornecer|cumprir|responder|fazer)|não (?:tenho (?:acesso|informaç)|sei\b)|"
    r"não consigo (?:ajudar|responder|fornecer)|como uma? (?:ia|modelo de linguagem|inteligência artificial)\b)",
    re.IGNORECASE,
)
_JSON = re.compile(
    r"\b(?:return|respond|answer|reply|output|give|format\w*|as|in|only|valid|retorne|responda|devolva|formato|em|apenas)\b"
    r"[^.\n]{0,40}\bjson\b",
    re.IGNORECASE,
)
_BARE_NUMBER = re.compile(
    r"\b(?:only|just|apenas|somente|só)\s+(?:with\s+|com\s+)?(?:the|a|o|um)?\s*(?:final\s+)?(?:number|número)\b", re.I
)
_MOST_WORDS = re.compile(
    r"\b(?:at most|no more than|fewer than|less than|under|up to|maximum of|no máximo|até|menos de)\s+(\d+)\s+"
    r"(?:words|palavras)\b",
    re.I,
)
_YES_NO = re.compile(r"\b(?:yes or no|yes/no|sim ou não)\b", re.IGNORECASE)
_LIST_OF = re.compile(
    r"\b(?:list|give|name|write|liste|cite|dê)\s+(?:me\s+)?(\d{1,2}|two|three|four|five|six|seven|eight|nine|ten|duas|dois|três|quatro|cinco|"
    r"seis|sete|oito|nove|dez)\b",
    re.IGNORECASE,
)
_ITEM = re.compile(r"^[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]*\S", re.MULTILINE)
_COUNTS = {word: at for at, pair in enumerate("two dois duas|three três|four quatro|five cinco|six seis|seven sete|eight oito|nine nove|ten dez".split("|"), 2) for word in pair.split()}  # fmt: skip  # noqa: E501
_OPTIONS = re.compile(r"^[ \t]*\(?([A-J])[.)][ \t]+(\S.*)$", re.MULTILINE)
_SENTENCE = re.compile(r"[^.!?\n]+[.!?\n]?")
READ_CHARS = 60_000


def refusal(answer: str) -> str | None:
    """The words of refusing, when they open the answer."""
    match = _REFUSAL.search(answer[:300].replace("’", "'"))
    return match.group() if match else None


def is_cut(answer: str) -> bool:
    """It ends in the middle: of a sentence, a sum, a bracket or a block of code."""
    text = answer.rstrip()
    if not text:
        return False
    if len(_FENCE.findall(text)) % 2 or text.count("<<") > text.count(">>"):
        return True
    last = text.splitlines()[-1]
    ends_well = text[-1] in ".!?…:;)]}>\"'”’`*|" or (len(last.split()) <= 6 and text[-1] not in ",-+=/(*")
    return not ends_well


def repeated_share(answer: str) -> float:
    """How much of the text is sentences of three different words or more that stand in it three times or more, 0-1."""
    sentences = [sentence.strip().casefold() for sentence in _SENTENCE.findall(answer[:READ_CHARS])]
    counts = Counter(one for one in sentences if len(set(one.split())) >= 3)
    total = sum(map(len, sentences))
    return sum(len(one) * times for one, times in counts.items() if times >= 3) / total if total else 0.0


def broken_code(answer: str) -> tuple[int, str]:
    """How many blocks of Python and JSON there are, and the first one that does not parse, as 'line 3: …'; empty if all do."""
    blocks = [(language.lower(), code) for language, code in _FENCED.findall(answer[:READ_CHARS])]
    known = [(language, code) for language, code in blocks if language in ("python", "py", "python3", "json")]
    problems = [problem for language, code in known if (problem := _problem(language, code))]
    return len(known), problems[0] if problems else ""


def _problem(language: str, code: str) -> str:
    try:
        if language == "json":
            json.loads(code)
        elif not re.match(r"\s*(?:>>>|\$ |\.\.\.)", code):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)
                ast.parse(code)
    except (RecursionError, MemoryError):
        return ""  # too deep to be read here: that says nothing about it
    except ValueError as error:  # JSONDecodeError, and null bytes in Python
        return str(error)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    return ""


def forms_asked(prompt: str, answer: str) -> dict[str, bool]:
    """The forms that the prompt asks for by name, and whether the answer has each."""
    prompt, text = prompt[:READ_CHARS], answer.strip()
    found: dict[str, bool] = {}
    if _JSON.search(prompt):
        found["json"] = _is_json(text)
    if _BARE_NUMBER.search(prompt):
        found["only a number"] = bool(re.fullmatch(r"[-$€£R\s]*\d[\d.,]*\s*%?\.?", text))
    if most := _MOST_WORDS.search(prompt):
        found[f"at most {most.group(1)} words"] = len(text.split()) <= int(most.group(1)) * 1.05
    if _YES_NO.search(prompt):
        found["yes or no"] = bool(re.match(r"\W*(?:yes|no|sim|não)\b", text, re.IGNORECASE))
    if asked := _LIST_OF.search(prompt):
        count = _COUNTS.get(asked.group(1).lower()) or int(asked.group(1))
        if items := len(_ITEM.findall(text)):
            found[f"{count} items"] = items >= count
    options = _OPTIONS.findall(prompt)
    if len(options) >= 2:
        found["one of the options"] = _names_an_option(text, options)
    return found


def _is_json(text: str) -> bool:
    blocks = [code for _language, code in _FENCED.findall(text[:READ_CHARS])]
    return any(not _problem("json", candidate) for candidate in [text[:READ_CHARS], *blocks])


def _names_an_option(text: str, options: list[tuple[str, str]]) -> bool:
    letters = "".join(letter for letter, _option in options)
    if re.match(rf"\W*[{letters}]\b", text) or re.search(
        rf"\b(?:answer|option|resposta|alternativa|letra)\b\W+(?:is|é)?\W*[{letters}]\b", text
    ):
        return True
    return any(option.strip().rstrip(".").casefold() in text.casefold() for _letter, option in options)
