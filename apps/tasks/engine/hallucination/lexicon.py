"""Word lists in English and Portuguese, written for this package: what carries no content, what turns a meaning round."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTION = _words(
    """a an the this that these those and or but nor so yet if then than as of at by for with about into through during before
    after above below to from up down in out on off over under again further once here there when where why how what which who
    whom whose all any both each few more most other some such only own same too very can will just should would could may might
    must shall do does did doing done have has had having be am is are was were been being i me my mine we us our ours you your
    yours he him his she her hers it its they them their theirs himself herself itself themselves myself yourself ourselves s t
    d ll m re ve also while because until between against not no never without within upon among across per via etc e g eg ie
    one many much several another every either neither however although though whether since toward towards around like get got
    o os as um uma uns umas de do da dos das em no na nos nas por pelo pela pelos pelas para com sem sob sobre entre até desde
    e ou mas nem que se como quando onde porque pois quem qual quais cujo cuja eu tu ele ela nós vós eles elas você vocês me te
    lhe lhes nos vos meu minha meus minhas seu sua seus suas nosso nossa este esta estes estas esse essa esses essas aquele
    aquela isto isso aquilo ser é são era eram foi foram sendo sido está estão estava estavam ter tem têm tinha tinham teve há
    haver já ainda também muito muita muitos muitas mais menos tão só apenas ao aos à às num numa não nunca jamais foi será
    seria pode podem deve devem todo toda todos todas outro outra outros outras mesmo mesma cada qualquer"""
)
NEGATORS = _words(
    """not no never none nobody nothing neither nor without cannot cant n't dont doesnt didnt isnt wasnt arent werent wont wouldnt
    couldnt shouldnt hasnt havent hadnt fail fails failed failing lack lacks lacked lacking unable refuse refuses refused deny
    denies denied hardly barely rarely seldom não nunca jamais nenhum nenhuma ninguém nada nem sem
    tampouco falha falhou falharam recusa recusou negou raramente"""
)
HEDGES = _words(
    """maybe perhaps probably possibly apparently allegedly seemingly presumably guess think believe suppose sure heard talvez
    provavelmente possivelmente aparentemente supostamente acho creio acredito parece"""
)
FIRST_PERSON = _words(
    """i me my mine we us our im ive id i'm i've i'd i'll we're we've we'd we'll eu meu minha meus minhas nós nosso
    nossa tenho acho sei gosto adoro sou estou vou prefiro moro ouvi acredito creio lembro"""
)
OPINIONS = _words(
    """great good nice cool awesome amazing wonderful beautiful interesting fun funny favorite favourite best love loved loves
    like likes liked enjoy enjoyed fan wow yes yeah yep oh ok okay hello hi thanks sorry agree true right definitely really pretty
    ótimo ótima bom boa legal lindo linda interessante favorito favorita gosto adoro amo sim olá oi obrigado obrigada desculpe
    concordo verdade certo realmente"""
)
DEGREES = _words(
    """slightly very somewhat extremely almost nearly mostly partly partially highly largely approximately roughly over under up
    least exactly fully completely entirely quite rather too hardly barely first second third last most un quase muito pouco
    aproximadamente cerca totalmente parcialmente levemente extremamente exatamente primeiro segundo terceiro último"""
)
QUANTIFIERS = _words(
    """all every each some few many most several only always often usually sometimes never least more less first last second third
    largest smallest highest lowest both half double entire whole main sole unique original exclusively already todos todas
    algum alguns algumas poucos muitos maioria apenas somente sempre frequentemente às vezes nunca primeiro primeira último
    última segundo terceira maior menor ambos metade dobro inteiro único única"""
)
MODALS = _words(
    """may might could would should must will can shall plan plans planned hope hopes expect expects expected want wants try tries
    tried pode poderia podem deve deveria devem vai irá espera planeja quer tenta tentou"""
)
FEMALE = _words("she her hers herself ela dela woman girl mother daughter wife sister actress queen mulher mãe filha esposa irmã")
MALE = _words("he him his himself ele dele man boy father son husband brother actor king homem pai filho marido irmão")
PRONOUNS = _words("he she they him her them his their hers theirs it its ele ela eles elas dele dela deles delas")

NUMBER_WORDS = {
    word: value
    for words, value in (
        ("zero", 0), ("two dois duas twice", 2), ("three três thrice", 3), ("four quatro", 4), ("five cinco", 5),
        ("six seis", 6), ("seven sete", 7), ("eight oito", 8), ("nine nove", 9), ("ten dez", 10), ("eleven onze", 11),
        ("twelve doze dozen dúzia", 12), ("thirteen treze", 13), ("fourteen catorze quatorze", 14), ("fifteen quinze", 15),
        ("sixteen dezesseis", 16), ("seventeen dezessete", 17), ("eighteen dezoito", 18), ("nineteen dezenove", 19),
        ("twenty vinte", 20), ("thirty trinta", 30), ("forty quarenta", 40), ("fifty cinquenta", 50), ("sixty sessenta", 60),
        ("seventy setenta", 70), ("eighty oitenta", 80), ("ninety noventa", 90), ("hundred cem cento", 100),
        ("thousand mil", 1000),
    )
    for word in words.split()
}  # fmt: skip

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan janeiro", "february feb fevereiro fev", "march mar março", "april apr abril abr", "may maio mai",
            "june jun junho", "july jul julho", "august aug agosto ago", "september sep sept setembro set",
            "october oct outubro out", "november nov novembro", "december dec dezembro dez",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip

# Pairs that cannot both be true of the same thing. Read in both directions, and compared by stem.
_OPPOSITES = """
good bad|better worse|best worst|high low|higher lower|highest lowest|large small|larger smaller|largest smallest|big small|
bigger smaller|long short|longer shorter|old young|older younger|new old|early late|earlier later|first last|north south|
northern southern|east west|eastern western|left right|up down|increase decrease|increased decreased|increase decline|
increased declined|increase reduce|increased reduced|rise fall|rose fell|rising falling|rise drop|rose dropped|grow shrink|
grew shrank|gain lose|gained lost|gain loss|profit loss|win lose|won lost|winner loser|victory defeat|success failure|
successful unsuccessful|succeed fail|succeeded failed|accept reject|accepted rejected|accept refuse|accepted refused|
accepted declined|agree disagree|agreed disagreed|agreed refused|allow prohibit|allowed prohibited|allow forbid|allowed banned|
allow prevent|approve reject|approved rejected|support oppose|supported opposed|support reject|for against|love hate|
like dislike|likes dislikes|love dislike|enjoy hate|enjoys dislikes|happy sad|happy unhappy|pleased disappointed|glad upset|
satisfied dissatisfied|excited bored|interested uninterested|possible impossible|able unable|easy difficult|easy hard|
easily hardly|simple complex|simple complicated|strong weak|stronger weaker|strengthen weaken|rich poor|expensive cheap|
safe dangerous|safe unsafe|open closed|open close|opened closed|start end|started ended|begin end|began ended|start stop|
started stopped|begin finish|before after|above below|over under|inside outside|include exclude|includes excludes|
including excluding|included excluded|with without|more less|more fewer|most least|many few|majority minority|all none|
always never|often rarely|frequently rarely|usually rarely|everyone nobody|everything nothing|some none|both neither|
true false|correct incorrect|correctly incorrectly|accurate inaccurate|right wrong|real fake|legal illegal|guilty innocent|
convicted acquitted|alive dead|born died|birth death|married divorced|married single|male female|man woman|men women|boy girl|
father mother|son daughter|brother sister|husband wife|uncle aunt|king queen|actor actress|he she|him her|his her|
buy sell|bought sold|buyer seller|borrow lend|give take|gave took|give receive|send receive|sent received|push pull|
arrive leave|arrived left|enter leave|entered left|enter exit|come go|came went|join leave|joined left|hire fire|
hired fired|hired dismissed|appointed dismissed|attack defend|attacked defended|remember forget|remembered forgot|
teach learn|ask answer|asked answered|asked told|question answer|public private|domestic foreign|national international|
local global|internal external|positive negative|positively negatively|benefit harm|benefits drawbacks|advantage disadvantage|
advantages disadvantages|improve worsen|improved worsened|improvement deterioration|enhance reduce|enhance diminish|
encourage discourage|encouraged discouraged|encouraging discouraging|create destroy|created destroyed|build destroy|
built demolished|maximize minimize|maximum minimum|major minor|primary secondary|temporary permanent|temporarily permanently|
formal informal|official unofficial|complete incomplete|full empty|partial full|partially fully|partly fully|single multiple|
single married|same different|similar different|similar dissimilar|identical different|together apart|together separately|
known unknown|famous unknown|popular unpopular|common rare|usual unusual|normal abnormal|natural artificial|modern ancient|
hot cold|warm cool|warmer cooler|wet dry|light dark|bright dark|heavy light|fast slow|faster slower|quickly slowly|
hard soft|deep shallow|wide narrow|thick thin|near far|close far|present absent|future past|day night|morning evening|
summer winter|spring autumn|weekday weekend|today tomorrow|yesterday tomorrow|upcoming past|previous next|previous following|
professional amateur|amateur professional|expert novice|senior junior|adult child|adults children|employer employee|
teacher student|doctor patient|client agent|customer seller|offensive defensive|home away|active inactive|actively passively|
direct indirect|directly indirectly|dependent independent|relevant irrelevant|necessary unnecessary|important unimportant|
significant insignificant|sufficient insufficient|effective ineffective|efficient inefficient|certain uncertain|
confident doubtful|optimistic pessimistic|optimism pessimism|praise criticize|praised criticized|admire despise|
respect disrespect|trust distrust|honest dishonest|friendly hostile|friend enemy|ally enemy|peace war|outperform underperform|
outperforms underperforms|outperformed underperformed|superior inferior|exceed miss|exceeded missed|outdated updated|
upgrade downgrade|expand contract|expanded contracted|expanding shrinking|accelerate slow|accelerated slowed|accelerate
decelerate|favorable unfavorable|favourable unfavourable|stable unstable|stable volatile|flexible rigid|voluntary mandatory|
optional mandatory|optional required|free paid|free charged|continue stop|continued stopped|continue cease|keep discard|
remain leave|save spend|saved spent|lend borrow|show hide|showed hid|reveal conceal|revealed concealed|confirm deny|
confirmed denied|admit deny|admitted denied|proved disproved|visible hidden|found lost|find lose|caught escaped|
released detained|released arrested|arrested freed|raise lower|raised lowered|turned accepted|ahead behind|forward backward|
advance retreat|vertical horizontal|upper lower|top bottom|front back|oldest youngest|older newer|newest oldest|elder younger|
bom mau|bom ruim|boa má|boa ruim|melhor pior|alto baixo|alta baixa|grande pequeno|grande pequena|maior menor|longo curto|
longa curta|velho novo|velha nova|velho jovem|antigo novo|antiga nova|antigo moderno|cedo tarde|primeiro último|
primeira última|norte sul|leste oeste|esquerda direita|aumentou diminuiu|aumento queda|aumento redução|aumentar diminuir|
aumentar reduzir|aumentou reduziu|subiu caiu|subir cair|cresceu encolheu|cresceu caiu|ganhou perdeu|ganhar perder|lucro
prejuízo|vitória derrota|venceu perdeu|sucesso fracasso|aceitou recusou|aceitar recusar|aceitou rejeitou|aprovou rejeitou|
aprovado reprovado|aprovado rejeitado|permitir proibir|permitido proibido|permite proíbe|apoia critica|apoiou criticou|
apoiar combater|amar odiar|ama odeia|gosta detesta|feliz triste|possível impossível|capaz incapaz|fácil difícil|simples
complexo|simples complicado|forte fraco|rico pobre|caro barato|cara barata|seguro perigoso|seguro inseguro|aberto fechado|
abriu fechou|abre fecha|começou terminou|começa termina|início fim|iniciou encerrou|antes depois|acima abaixo|dentro fora|
incluir excluir|inclui exclui|com sem|mais menos|maioria minoria|muitos poucos|todos nenhum|sempre nunca|verdadeiro falso|
verdade mentira|correto incorreto|certo errado|legal ilegal|culpado inocente|condenado absolvido|vivo morto|nasceu morreu|
nascimento morte|casado divorciado|casado solteiro|casada solteira|homem mulher|homens mulheres|menino menina|pai mãe|
filho filha|irmão irmã|marido esposa|rei rainha|ele ela|comprou vendeu|comprar vender|deu recebeu|dar receber|enviou recebeu|
chegou partiu|chegou saiu|entrou saiu|contratou demitiu|contratado demitido|público privado|pública privada|nacional
internacional|interno externo|positivo negativo|positiva negativa|vantagem desvantagem|melhorou piorou|melhora piora|
construiu destruiu|máximo mínimo|temporário permanente|completo incompleto|cheio vazio|igual diferente|mesmo diferente|
conhecido desconhecido|comum raro|quente frio|rápido lento|perto longe|dia noite|manhã noite|verão inverno|confirmou negou|
confirmar negar|profissional amador|ativo inativo|superior inferior|estável instável|gratuito pago|grátis pago|acelerou
desacelerou|obrigatório opcional|lembrou esqueceu|amigo inimigo|guerra paz|solúvel insolúvel|divisível indivisível
"""
OPPOSITE_PAIRS = tuple(
    (pair.split()[0], pair.split()[1]) for pair in _OPPOSITES.replace("\n", " ").split("|") if len(pair.split()) == 2
)
NEGATING_PREFIXES = ("un", "in", "im", "ir", "il", "dis", "non", "mis", "des")

# English past forms that share no stem with their verb.
IRREGULAR = {
    form: forms.split()[0]
    for forms in (
        "buy bought|bring brought|think thought|seek sought|teach taught|catch caught|fight fought|begin began begun|"
        "become became|break broke broken|build built|choose chose chosen|come came|do did done|draw drew drawn|"
        "drive drove driven|eat ate eaten|fall fell fallen|feel felt|find found|fly flew flown|forget forgot forgotten|"
        "get got gotten|give gave given|go went gone|grow grew grown|hear heard|hold held|keep kept|know knew known|"
        "lead led|leave left|lend lent|lose lost|make made|mean meant|meet met|pay paid|rise rose risen|run ran|"
        "say said|see saw seen|sell sold|send sent|shoot shot|show shown|sing sang sung|sit sat|sleep slept|"
        "speak spoke spoken|spend spent|stand stood|steal stole stolen|strike struck|swim swam|take took taken|"
        "tell told|throw threw thrown|understand understood|wear wore worn|win won|write wrote written|child children|"
        "man men|woman women|person people|wife wives|life lives|die died dying|lie lay lain|foot feet|hide hid hidden|"
        "freeze froze frozen"
    ).split("|")
    for form in forms.split()[1:]
}

ORDINALS = _words(
    """first second third fourth fifth sixth seventh eighth ninth tenth last primeiro primeira segundo segunda terceiro terceira
    quarto quarta quinto quinta sexto sexta sétimo oitavo nono décimo último última"""
)

NATIONS = _words(
    """american british english french german italian spanish portuguese brazilian russian chinese japanese indian canadian
    australian irish scottish welsh dutch belgian swedish norwegian danish finnish polish greek turkish mexican argentine
    korean african european asian austrian hungarian czech swiss israeli iranian egyptian cuban chilean colombian ukrainian
    romanian bulgarian serbian croatian icelandic filipino thai vietnamese indonesian malaysian pakistani
    americano americana britânico britânica inglês inglesa francês francesa alemão alemã italiano italiana espanhol espanhola
    português portuguesa brasileiro brasileira russo russa chinês chinesa japonês japonesa indiano indiana canadense
    australiano australiana irlandês argentino argentina mexicano mexicana"""
)
