"""The words that say what a prompt asks for, in English and in Portuguese, folded: lower case, without accents.

One or two words to an entry. An entry may count for several features.
"""

from __future__ import annotations

_ENTRIES = {
    "condition": (
        "if unless suppose assume assuming given provided whether otherwise let consider",
        "se caso suponha supondo assuma considere dado dada dados dadas contanto senao seja sejam",
    ),
    "calculate": (
        "calculate compute determine evaluate solve estimate find simplify integrate differentiate probability equation "
        "inequality integral derivative percentage formula integer integers function linear matrix vector theorem "
        "polynomial",
        "calcule calcular compute determine resolva resolver estime encontre ache simplifique integre derive "
        "probabilidade equacao inequacao integral derivada porcentagem formula inteiro inteiros funcao linear matriz "
        "vetor teorema polinomio",
    ),
    "justify": (
        "justify infer argue reasoning why step-by-step step_by",
        "infira justifique justificar argumente raciocinio porque passo_a por_que",
    ),
    "proof": (
        "prove proof derive demonstrate deduce rigorous rigorously theorem lemma irrational linearizable np-complete "
        "counterexample",
        "prove provar prova demonstre demonstrar deduza deduzir rigorosa rigorosamente teorema lema irracional contraexemplo",
    ),
    "relation": (
        "more less fewer than twice thrice half double triple times older younger taller longer shorter cheaper faster "
        "quarter third thirds fourth fifth ratio average mean per remaining rest total",
        "mais menos menor maior dobro triplo metade vezes velho novo quarto terco tercos quinto razao media por restante "
        "resto total do_que",
    ),
    "quantity_asked": (
        "how_many how_much",
        "quantos quantas quanto quanta",
    ),
    "judge": (
        "statement statements scenario scenarios true false wrong valid invalid argument fallacy premise conclusion morally",
        "afirmacao afirmacoes cenario cenarios verdadeiro verdadeira falso falsa errado valido invalido argumento falacia "
        "premissa conclusao",
    ),
    "negation": (
        "not no except least incorrect never cannot without neither nor none isn't doesn't don't can't won't",
        "nao exceto incorreto incorreta nunca sem nem nenhum nenhuma jamais",
    ),
    "third_person": (
        "he she his her him they their them man woman boy girl husband wife who",
        "ele ela dele dela eles elas deles delas homem mulher menino menina marido esposa",
    ),
    "first_person": (
        "i my me mine",
        "eu meu minha meus minhas mim",
    ),
    "second_person": (
        "you your yours",
        "voce voces seu sua te",
    ),
    "universal": (
        "each every all any both",
        "cada todo toda todos todas qualquer ambos ambas",
    ),
    "constraint": (
        "must should exactly only at_least at_most no_more within ensure require requires required constraint constraints "
        "without avoid strictly fewer_than less_than",
        "deve devem deveria exatamente apenas somente pelo_menos no_maximo garanta requer exige restricao restricoes "
        "evite estritamente menos_de",
    ),
    "best_of": (
        "best most likely primary main primarily mainly closest",
        "melhor provavel principal principalmente sobretudo",
    ),
    "fact": (
        "what who when where which capital name called defined definition meaning",
        "que qual quais quem quando onde capital nome chamado chamada definicao significa significado",
    ),
    "how_why": (
        "how why explain describe discuss",
        "como explique explica descreva discuta",
    ),
    "analyse": (
        "analyze analyse compare contrast critique assess synthesize trade-offs tradeoffs implications strategy design "
        "architecture optimize plan diagnose identify classify",
        "analise analisar compare comparar contraste critique avalie sintetize implicacoes estrategia projete arquitetura "
        "otimize planeje diagnostique identifique classifique",
    ),
    "create": (
        "write draft compose poem story essay email letter paragraph blog post song lyrics tweet headline slogan speech describe",
        "escreva redija componha poema historia redacao e-mail email carta paragrafo blog postagem musica letra tuite "
        "manchete slogan discurso descreva crie",
    ),
    "persona": (
        "pretend imagine roleplay role persona embody act_as you_are",
        "finja imagine papel persona interprete aja_como voce_e",
    ),
    "rework": (
        "summarize summarise summary translate rewrite paraphrase shorten proofread extract correct edit reformat",
        "resuma resumo traduza traduzir reescreva parafraseie encurte revise extraia corrija edite reformate",
    ),
    "list_asked": (
        "list enumerate examples example items outline bullet",
        "liste enumere exemplos exemplo itens topicos",
    ),
    "small_talk": (
        "hi hello hey thanks thank bye goodbye good_morning good_evening good_night how_are what's_up ok okay please",
        "oi ola obrigado obrigada tchau valeu bom_dia boa_tarde boa_noite tudo_bem como_vai blz beleza por_favor",
    ),
    "law": (
        "court defendant plaintiff statute contract jury negligence liable plead testimony constitutional police trial",
        "tribunal reu autor lei contrato juri negligencia testemunho constitucional policia processo stf",
    ),
    "medicine": (
        "patient diagnosis symptoms treatment disease blood clinical pain syndrome therapy artery nerve muscle",
        "paciente diagnostico sintomas tratamento doenca sangue clinico dor sindrome terapia arteria nervo musculo",
    ),
    "science": (
        "energy force mass velocity acceleration electron atom molecule reaction voltage current particle wave quantum "
        "gene protein cell temperature pressure density orbit light",
        "energia forca massa velocidade aceleracao eletron atomo molecula reacao tensao corrente particula onda quantica "
        "gene proteina celula temperatura pressao densidade orbita luz",
    ),
    "code": (
        "code function python javascript typescript java sql html css api regex algorithm bug debug compile class method "
        "array string loop recursion script program implement refactor unit_test unittest database query endpoint docker "
        "bash json django react rust golang c++ c# php kotlin swift stack_trace traceback exception binary_tree "
        "linked_list",
        "codigo funcao python javascript typescript java sql html css api regex algoritmo bug depurar depure compilar "
        "classe metodo vetor string laco recursao script programa implemente implementar refatore teste_unitario banco_de "
        "consulta docker bash json django react rust php kotlin swift excecao arvore_binaria lista_encadeada",
    ),
    "research": (
        "research sources source cite citations citation references reference literature survey latest recent news "
        "current_state state_of evidence studies study papers paper market trends statistics report investigate find_out",
        "pesquisa pesquise pesquisar fontes fonte cite citacoes citacao referencias referencia literatura levantamento "
        "recentes recente noticias ultimas estado_da evidencias evidencia estudos estudo artigos artigo mercado "
        "tendencias estatisticas relatorio investigue",
    ),
    "visual": (
        "image images picture photo photograph screenshot diagram chart figure drawing logo ocr",
        "imagem imagens foto fotografia captura diagrama grafico figura desenho logotipo print",
    ),
    "number_word": (
        "two three four five six seven eight nine ten eleven twelve dozen twenty thirty forty fifty hundred thousand million",
        "dois duas tres quatro cinco seis sete oito nove dez onze doze duzia vinte trinta quarenta cinquenta cem cento "
        "mil milhao",
    ),
}


def _by_word() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for feature, languages in _ENTRIES.items():
        for word in dict.fromkeys(" ".join(languages).split()):
            found.setdefault(word.replace("_", " "), []).append(feature)
    return {word: tuple(features) for word, features in found.items()}


GROUPS = tuple(_ENTRIES)
BY_WORD = _by_word()
STARTS_OF_PAIRS = frozenset(entry.split()[0] for entry in BY_WORD if " " in entry)
