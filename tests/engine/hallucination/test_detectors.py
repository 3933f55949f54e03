"""Each detector sees what it is for, in English and in Portuguese, points at it, and leaves good answers alone."""

from __future__ import annotations

import time

import pytest

from apps.tasks.engine.hallucination.assess import assess
from apps.tasks.engine.hallucination.internal import internal
from apps.tasks.engine.hallucination.others import earlier, judged, stalled
from apps.tasks.engine.hallucination.repetition import repetition
from apps.tasks.engine.hallucination.samples import samples
from apps.tasks.engine.hallucination.scope import scope
from apps.tasks.engine.hallucination.sources import Source
from apps.tasks.engine.hallucination.support import contradiction, support
from apps.tasks.engine.hallucination.temporal import temporal
from apps.tasks.engine.hallucination.text import Text, names, read, stem
from apps.tasks.engine.hallucination.types import Signal
from apps.tasks.engine.hallucination.unverified import unverified
from apps.tasks.engine.hallucination.wording import wording

ENGLISH = (
    "The Eiffel Tower stands in Paris. It was finished in 1889 by the company of Gustave Eiffel. "
    "The tower was not liked at first. Every year 7 million people visit it."
)
PORTUGUESE = (
    "A Torre Eiffel fica em Paris. Ela foi concluída em 1889 pela empresa de Gustave Eiffel. "
    "No início os moradores não gostavam da torre. Todo ano 7 milhões de pessoas visitam a torre."
)
NOTHING = read("", 1)


def text(raw: str) -> Text:
    return read(raw, 10_000)


def source(raw: str) -> Source:
    return Source(text(raw))


def reasons(signal: Signal | None) -> set[str]:
    return {span.reason for span in signal.spans} if signal else set()


def pointed_at(signal: Signal | None, raw: str, reason: str) -> list[str]:
    return [raw[span.start : span.end] for span in signal.spans if span.reason == reason] if signal else []


# ── repetition ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "raw",
    [
        "We begin here. " + "The sky is blue today. " * 4,
        "Começamos aqui. " + "O céu está azul hoje. " * 4,
        "The plan is to go to the shop and " + "then buy some bread and " * 6,
        "O plano é ir até a loja e " + "depois comprar um pão e " * 6,
        "First the facts matter to all. Then the money counts. First the facts matter to all. Some other words stand here. "
        "First the facts matter to all.",
    ],
)
def test_what_is_said_again_and_again_is_seen_and_pointed_at(raw: str) -> None:
    found = repetition(text(raw))
    assert found is not None
    assert found.score > 0.5
    assert reasons(found) & {"said_again", "goes_round"}


@pytest.mark.parametrize(
    "raw",
    [
        f"{ENGLISH} The mayor gave every child a red balloon. The mayor gave every child a blue balloon. "
        "The mayor gave every guest a red balloon. The mayor gave every child a red apple.",
        f"{PORTUGUESE} O prefeito deu a cada criança um balão vermelho. O prefeito deu a cada criança um balão azul. "
        "O prefeito deu a cada visitante um balão vermelho. O prefeito deu a cada criança um livro vermelho.",
    ],
)
def test_sentences_that_differ_in_one_word_each_time_are_a_loop_too(raw: str) -> None:
    found = repetition(text(raw))
    assert found is not None
    assert found.score > 0.4
    assert reasons(found) == {"said_again"}


@pytest.mark.parametrize(
    ("given", "again"),
    [
        ("The old harbour was closed by the council in the spring.", "The old harbour was sold by the council in the spring."),
        ("The old harbour was closed by the council in the spring.", "The old harbour closed by the council in the spring."),
        (
            "The old harbour was closed by the council in the spring.",
            "The old harbour was then closed by the council in the spring.",
        ),
        (
            "The old harbour of the town was closed by the council in the spring.",
            "The old harbour in the town was sold by the full council in the spring.",
        ),
        ("O porto antigo foi fechado pela câmara na primavera.", "O porto antigo foi vendido pela câmara na primavera."),
        ("O porto antigo foi fechado pela câmara na primavera.", "O porto foi fechado pela câmara na primavera."),
    ],
)
def test_a_sentence_said_twice_with_words_changed_left_out_or_put_in_is_seen_and_the_second_pointed_at(
    given: str, again: str
) -> None:
    raw = f"{ENGLISH} {given} {again} {PORTUGUESE}"
    found = repetition(text(raw))
    assert found is not None
    assert found.score >= 0.4
    assert pointed_at(found, raw, "said_again") == [again.rstrip(".")]


def test_what_is_said_twice_time_and_again_counts_for_more() -> None:
    sentences = [part + "." for part in f"{ENGLISH} {SAID}".split(". ")]
    twice = " ".join(f"{one} {one.replace(' the ', ' that ', 1)}" for one in sentences)
    found = repetition(text(twice))
    assert found is not None
    assert found.score > 0.6


def test_two_sentences_that_are_alike_are_no_loop() -> None:
    found = repetition(text(f"{ENGLISH} The mayor gave every child a red balloon. The mayor gave every guest a blue balloon."))
    assert found is not None
    assert found.score == 0


SAID = "The council of the town will meet again next week to talk about the bridge."
DITO = "A câmara da cidade vai reunir outra vez na próxima semana para falar da ponte."


@pytest.mark.parametrize(
    "raw",
    [
        " ".join(f"Step {n}: {SAID}" for n in range(1, 6)),
        "\n".join(f"{n}. {DITO}" for n in range(1, 6)),
        " ".join(f"{SAID[:-1]} {n}." for n in range(1, 6)),
        f"{ENGLISH} So {SAID} As I said, {SAID} Again, {SAID}",
        f"{PORTUGUESE} Ou seja, {DITO} Como já foi dito, {DITO} Em resumo, {DITO}",
        f"{ENGLISH} the council of the " + "town will meet and " * 6 + PORTUGUESE,
        f"{ENGLISH} "
        + " ".join(SAID.rstrip(".").replace(word, "salt") for word in ("town", "week", "talk", "council", "bridge")),
        (f"{ENGLISH} " + f"{SAID} " * 5)[:-30],
        f"{ENGLISH}\n\n" * 3,
        ENGLISH + " the" * 20,
        "空は青くて草は緑です。" * 4,
    ],
)
def test_loops_with_counters_openings_changes_and_without_an_end_are_seen(raw: str) -> None:
    found = repetition(text(raw))
    assert found is not None
    assert found.score >= 0.6
    assert found.spans


@pytest.mark.parametrize(
    "raw",
    [
        ENGLISH,
        PORTUGUESE,
        "| a | b |\n|---|---|\n" + "| 0 | 0 |\n" * 30,
        "```python\n" + "print('once more with this')\n" * 20 + "```",
        "She said no, no, no. It is a very, very long way to the town.",
        " ".join(f"The capital of {a} is {b}." for a, b in zip("ABCDEFGH", "STUVWXYZ", strict=True)),
        "\n".join(f"- A capital de {a} é {b}." for a, b in zip("ABCDEFGH", "STUVWXYZ", strict=True)),
        "\n".join(f"- It is important to {verb} every single day." for verb in ("walk", "read", "sing", "swim", "cook", "rest")),
        "[\n" + '  {"name": "box", "is really there": true, "kind": "small red box"},\n' * 9 + "]",
        "\n".join(f"2026-05-01 12:00:{n} INFO the heartbeat of node seven is fine" for n in range(10, 30)),
        "\n".join(f"Epoch {n}: the loss is {1 / n:.2f} and the accuracy {n / 30:.2f}" for n in range(1, 20)),
        "\n".join(f"Step {n}: {n * 3} and {n} make {n * 4}, so we write down {n * 4 % 10}." for n in range(1, 9)),
        "\n\n".join(f"{a}\n{b}\nAnd the wind blows over the hill" for a, b in zip(ENGLISH.split()[:5], "vwxyz", strict=True)),
        "\n".join(f"### {name}\n**Good and bad sides of it**\nTime to cook: 30 minutes\n" for name in ("Rice", "Soup", "Bread")),
        "Every morning she walks to the park with her dog. Every evening she walks to the park with her dog.",
        "The first group of ten took the new drug. The second group of ten took the new drug.",
        "In 2010 the firm had an office in the old town. In 2011 the firm had an office in the old town.",
        "Maria works in the bank at the corner of the square. Pedro works in the bank at the corner of the square.",
        "- Turn the small handle to the left side.\n- Turn the large handle to the left side.",
        "The wind is cold upon the hill today,\nThe rain is cold upon the hill today,\nAnd nobody is walking on the way.",
        "A dog needs food and water every day. A cat needs food and water every day. A bird needs food and water every day.",
        "The red box is small. The blue box is large. The red ball is large. The blue ball is small. The green box is small.",
    ],
)
def test_ordinary_texts_that_repeat_for_good_reasons_are_not_repetition(raw: str) -> None:
    found = repetition(text(raw))
    assert found is None or found.score < 0.3


def test_a_loop_is_above_every_ordinary_answer_in_the_whole_score_too() -> None:
    ordinary = [assess(ENGLISH, sources=[PORTUGUESE]).score, assess(ENGLISH).score, assess(PORTUGUESE, question=DITO).score]
    loops = [assess(f"{ENGLISH} " + f"{SAID} " * 4).score, assess(ENGLISH + f" {DITO}" * 4, sources=[ENGLISH + DITO]).score]
    assert min(loops) > max(90, *ordinary)


def test_an_answer_of_one_character_again_and_again_is_read_in_bounded_time() -> None:
    began = time.process_time()
    for raw in ("a " * 30_000, "(= " * 20_000, "a,b" * 20_000, "word, " * 10_000, "\n\n".join(["a b c"] * 9_000)):
        repetition(read(raw, 60_000))
    assert time.process_time() - began < 10


# ── inside the answer ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "raw",
    [
        "The museum opens on Mondays. There is a park. The museum does not open on Mondays.",
        "O museu abre nas segundas. Há um parque. O museu não abre nas segundas.",
        "Maria Souza was born in Recife. She sings. Maria Souza was born in Olinda.",
        "Maria Souza nasceu em Recife. Ela canta. Maria Souza nasceu em Olinda.",
        "The bridge has a length of 300 metres. It is red. The bridge has a length of 450 metres.",
    ],
)
def test_an_answer_that_contradicts_itself_is_seen(raw: str) -> None:
    found = internal(text(raw))
    assert found is not None
    assert found.score >= 0.6
    assert found.spans


@pytest.mark.parametrize(
    "raw",
    [
        ENGLISH,
        PORTUGUESE,
        "The red bridge costs 3 dollars. The blue ferry takes 40 minutes.",
        "Item one has a price of 20. Later the shipping was added to the invoice.",
    ],
)
def test_an_answer_at_one_with_itself_is_left_alone(raw: str) -> None:
    found = internal(text(raw))
    assert found is not None
    assert found.score == 0


# ── given sources ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("given", "carried", "invented"),
    [
        (ENGLISH, "The tower was finished in 1889.", "Mammals from Antarctica invented jazz during medieval banquets."),
        (PORTUGUESE, "A torre foi concluída em 1889.", "Mamíferos da Antártida inventaram o samba em banquetes medievais."),
    ],
)
def test_what_the_sources_do_not_carry_weighs_more_than_what_they_do(given: str, carried: str, invented: str) -> None:
    good = support(text(carried), source(given), NOTHING)
    bad = support(text(invented), source(given), NOTHING)
    assert good is not None and bad is not None
    assert good.score < 0.2 < 0.8 < bad.score
    assert "not_in_sources" in reasons(bad)
    assert not good.spans


@pytest.mark.parametrize(
    ("given", "said", "reason", "words"),
    [
        (ENGLISH, "It was finished in 1925 by the company of Gustave Eiffel.", "number_differs", ["1925"]),
        (PORTUGUESE, "Ela foi concluída em 1925 pela empresa de Gustave Eiffel.", "number_differs", ["1925"]),
        ("Sales increased in May.", "Sales decreased in May.", "opposite_of_source", ["decreased"]),
        ("As vendas aumentaram. O lucro subiu em maio.", "O lucro caiu em maio.", "opposite_of_source", ["caiu"]),
        ("The court approved the plan.", "The court has not approved the plan.", "negation_differs", ["not"]),
        ("O tribunal aprovou o plano.", "O tribunal não aprovou o plano.", "negation_differs", ["não"]),
    ],
)
def test_what_the_sources_say_otherwise_is_pointed_at(given: str, said: str, reason: str, words: list[str]) -> None:
    found = contradiction(text(said), source(given))
    assert found is not None
    assert found.score >= 0.3
    assert pointed_at(found, said, reason) == words


@pytest.mark.parametrize(
    ("given", "said", "reason"),
    [
        ("The court approved the plan.", "The court has not approved the plan.", "negation_put_in"),
        ("O tribunal aprovou o plano.", "O tribunal não aprovou o plano.", "negation_put_in"),
        ("The match is on May 7 in Rome.", "The match is on May 9 in Rome.", "date_half_changed"),
        ("O jogo será em maio 7 em Roma.", "O jogo será em maio 9 em Roma.", "date_half_changed"),
        ("The architect Matt Mooney built it.", "The architect Matt Walsh built it.", "name_half_changed"),
        ("O arquiteto Mateus Lima fez a obra.", "O arquiteto Mateus Prado fez a obra.", "name_half_changed"),
        ("The team was suitable for it.", "The team was unsuitable for it.", "opposite_of_source"),
    ],
)
def test_a_small_turn_of_the_wording_is_pointed_at(given: str, said: str, reason: str) -> None:
    found = wording(text(said), source(given), NOTHING)
    assert found is not None
    assert found.score > 0
    assert reason in reasons(found)


@pytest.mark.parametrize(("given", "said"), [(ENGLISH, ENGLISH), (PORTUGUESE, PORTUGUESE)])
def test_a_source_said_again_word_by_word_has_no_fault(given: str, said: str) -> None:
    answer, there = text(said), source(given)
    for found in (support(answer, there, NOTHING), contradiction(answer, there), wording(answer, there, NOTHING)):
        assert found is not None
        assert found.score < 0.01
        assert not found.spans


def test_words_of_the_same_meaning_are_carried_by_the_sources() -> None:
    retold = support(text("The firm purchased a vehicle."), source("The company bought a car."), NOTHING)
    other = support(text("The firm painted a cathedral."), source("The company bought a car."), NOTHING)
    assert retold is not None and other is not None
    assert retold.measures["recall"] > 0.7 > other.measures["recall"]


# ── facts to look up ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("given", "said", "reason", "words"),
    [
        (ENGLISH, "The tower was visited by Winston in 1950.", "name_not_in_sources", ["Winston"]),
        (PORTUGUESE, "A torre foi visitada por Joaquim em 1950.", "number_not_in_sources", ["1950"]),
        (ENGLISH, "See https://example.org/tower for it.", "address_not_in_sources", ["https://example.org/tower"]),
        (PORTUGUESE, "Isso foi mostrado (Silva, 2019).", "citation_not_in_sources", ["(Silva, 2019)"]),
        ("", "It was shown (Smith et al., 2019) long ago.", "citation_not_in_sources", ["(Smith et al., 2019)"]),
    ],
)
def test_facts_that_no_source_has_are_pointed_at(given: str, said: str, reason: str, words: list[str]) -> None:
    found = unverified(text(said), source(given), NOTHING)
    assert found is not None
    assert pointed_at(found, said, reason) == words
    assert found.score > 0


def test_facts_of_the_sources_and_of_the_question_are_known() -> None:
    found = unverified(text("In 1889 Paris saw it, said Ana."), source(ENGLISH), text("What did Ana say?"))
    assert found is not None
    assert not found.spans


# ── years ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("Ann Lee (born 4 May 1950) is a singer. She won the prize in 1931.", "before_birth"),
        ("Ana Lima (nascida em 4 de maio de 1950) é cantora. Ela ganhou o prêmio em 1931.", "before_birth"),
        ("Ann Lee (1850 – 1901) was a painter. She moved to Rome in 1960.", "after_death"),
        ("Ana Lima (1850 – 1901) foi pintora. Ela foi morar em Roma em 1960.", "after_death"),
        ("He was mayor from 1990 to 1984.", "range_runs_backwards"),
        ("Ele foi prefeito de 1990 a 1984.", "range_runs_backwards"),
        ("She won the race in 2071.", "still_to_come"),
        ("Ela venceu a corrida em 2071.", "still_to_come"),
    ],
)
def test_years_that_cannot_be_so_are_pointed_at(said: str, reason: str) -> None:
    found = temporal(text(said), 2026)
    assert found is not None
    assert found.score >= 0.5
    assert reason in reasons(found)


@pytest.mark.parametrize(
    "said",
    [
        "Ann Lee (born 4 May 1950) is a singer. She won the prize in 1971 and moved to Rome in 1980.",
        "Ana Lima (1850 – 1901) foi pintora. Ela foi morar em Roma em 1890.",
        "He was mayor from 1984 to 1990. The club had 2000 members.",
        "The plant will be closed by 2040.",
    ],
)
def test_years_in_order_are_left_alone(said: str) -> None:
    found = temporal(text(said), 2026)
    assert found is None or found.score < 0.5


# ── the question ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("question", "on_topic", "off_topic"),
    [
        (
            "Why did the Roman empire fall in the west?",
            "The Roman empire in the west fell for many reasons: wars, taxes, and weak rulers.",
            "To bake bread you need flour, water, yeast, salt and a good deal of patience.",
        ),
        (
            "Por que o império romano caiu no ocidente?",
            "O império romano do ocidente caiu por várias razões: guerras, impostos e governantes fracos.",
            "Para fazer pão você precisa de farinha, água, fermento, sal e bastante paciência.",
        ),
    ],
)
def test_an_answer_to_another_question_is_seen(question: str, on_topic: str, off_topic: str) -> None:
    good = scope(text(on_topic), text(question), source(""))
    bad = scope(text(off_topic), text(question), source(""))
    assert good is not None and bad is not None
    assert good.score < 0.2 < 0.8 < bad.score
    assert reasons(bad) == {"off_topic"}


@pytest.mark.parametrize(
    ("question", "leans_on_it", "strange"),
    [
        ("Which company built the bridge?", "It was Ansaldo.", "Neil Armstrong visited Denmark."),
        ("Which company built the bridge?", "Ansaldo of Genoa.", "Snow was falling."),
        ("Que empresa construiu a ponte?", "Foi ela a Ansaldo.", "A neve caiu tarde."),
    ],
)
def test_a_short_sentence_on_something_else_is_strange_but_not_one_that_leans_on_the_question(
    question: str, leans_on_it: str, strange: str
) -> None:
    fits, does_not = (scope(text(answer), text(question), source("")) for answer in (leans_on_it, strange))
    assert fits is not None and does_not is not None
    assert fits.score < 0.5 <= does_not.score


@pytest.mark.parametrize(
    ("question", "right", "wrong"),
    [
        ("In what year was it finished?", "1889", "Gustave Eiffel"),
        ("Em que ano ela foi concluída?", "1889", "Gustave Eiffel"),
        ("Who wrote the book?", "Ann Lee", "October 1981"),
        ("Quem escreveu o livro?", "Ana Lima", "outubro 1981"),
    ],
)
def test_the_wrong_kind_of_thing_is_seen(question: str, right: str, wrong: str) -> None:
    good = scope(text(right), text(question), source(""))
    bad = scope(text(wrong), text(question), source(""))
    assert good is not None and bad is not None
    assert good.score < bad.score


# ── other evidence ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("agreed", "alone", "others"),
    [
        ("She was born in Lisbon.", "She was born in Toronto.", ["She was born in Lisbon in May.", "Born in Lisbon, she sings."]),
        ("Ela nasceu em Lisboa.", "Ela nasceu em Toronto.", ["Ela nasceu em Lisboa em maio.", "Nascida em Lisboa, ela canta."]),
    ],
)
def test_what_few_samples_say_is_pointed_at(agreed: str, alone: str, others: list[str]) -> None:
    good, bad = samples(text(agreed), others), samples(text(alone), others)
    assert good is not None and bad is not None
    assert good.score < bad.score
    assert pointed_at(bad, alone, "few_samples_say_so") == ["Toronto"]


@pytest.mark.parametrize(
    ("before", "like", "unlike"),
    [
        (
            "The Eiffel Tower was finished in 1889.",
            "It was in 1889 that the Eiffel Tower was finished.",
            "Nobody knows; maybe 1925.",
        ),
        ("A Torre Eiffel foi concluída em 1889.", "Foi em 1889 que a Torre Eiffel foi concluída.", "Ninguém sabe; talvez 1925."),
    ],
)
def test_an_answer_too_different_from_an_earlier_one_is_seen(before: str, like: str, unlike: str) -> None:
    good, bad = earlier(text(like), text(before)), earlier(text(unlike), text(before))
    assert good is not None and bad is not None
    assert good.score < 0.3 < 0.7 < bad.score
    assert pointed_at(bad, unlike, "not_in_earlier_answer") == ["1925"]


def test_a_stall_and_a_cut_are_indicators() -> None:
    assert stalled(is_cut=False, longest_pause_s=1, patience_s=60) is None
    assert stalled(is_cut=True, longest_pause_s=0, patience_s=60).score > 0.5
    assert stalled(is_cut=False, longest_pause_s=55, patience_s=60).score > 0.8


def test_a_judge_is_heard_and_kept_within_bounds() -> None:
    assert judged(None) is None
    assert judged(3.0).score == 1.0


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_words_share_a_stem_with_their_inflections() -> None:
    assert stem("walked") == stem("walking") == stem("walks")
    assert stem("cidades") == stem("cidade")
    assert stem("1,000") == stem("1000")
    assert stem("três") == stem("3")


def test_places_are_those_of_the_raw_text() -> None:
    raw = "Dr. Ann Lee paid $1,200.50.\nShe didn’t stay."
    read_text = text(raw)
    assert [raw[word.start : word.end].lower().replace("’", "'") for word in read_text.words] == [
        word.text for word in read_text.words
    ]
    assert len(read_text.sentences) == 2
    assert [[word.text for word in name] for name in names(read_text)] == [["dr", "ann", "lee"]]
