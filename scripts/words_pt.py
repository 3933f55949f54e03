"""The Portuguese of what the commands say. tests/scripts/test_words.py names every text that is missing here."""

PORTUGUESE: dict[str, str] = {
    # ---- the list of commands ----
    "Usage: ./orq COMMAND": "Uso: ./orq COMANDO",
    "There is no command {name!r}.": "Não existe o comando {name!r}.",
    "start the product in this terminal; the first time, prepare everything (--host --port --workers --no-browser)": (
        "inicia o produto neste terminal; na primeira vez, prepara tudo (--host --port --workers --no-browser)"
    ),
    "run all tests; arguments go on to pytest": "executa todos os testes; os argumentos seguem para o pytest",
    "check style, types and imports": "confere estilo, tipos e importações",
    "check the installation and say what to do about each thing that is wrong (--json)": (
        "confere a instalação e diz o que fazer com cada coisa errada (--json)"
    ),
    "administer accounts": "administra contas",
    "check that the audit logs are as they were written: verify": (
        "confere se os registros de auditoria estão como foram escritos: verify"
    ),
    "the prices of models: show, refresh FILE|URL, undo": "os preços dos modelos: show, refresh ARQUIVO|URL, undo",
    "run the benchmarks, or the one that is named": "executa as medições, ou a que for indicada",
    "score JSON lines from standard input: complexity, confidence or hallucination": (
        "pontua linhas JSON da entrada padrão: complexity, confidence ou hallucination"
    ),
    "fit a shipped model again from data: practice, complexity, confidence or hallucination": (
        "ajusta de novo, a partir de dados, um modelo do produto: practice, complexity, confidence ou hallucination"
    ),
    "Django's manage.py in the right environment": "o manage.py do Django no ambiente certo",
    "Usage: ./orq train practice, or ./orq train complexity|confidence|hallucination FOLDER [--out FILE]": (
        "Uso: ./orq train practice, ou ./orq train complexity|confidence|hallucination PASTA [--out ARQUIVO]"
    ),
    "Usage: ./orq score {names} < LINES.jsonl": "Uso: ./orq score {names} < LINHAS.jsonl",
    "Line {number} is not JSON: {cause}.": "A linha {number} não é JSON: {cause}.",
    "Line {number} is not a JSON object.": "A linha {number} não é um objeto JSON.",
    "Line {number} has no {field}.": "A linha {number} não tem {field}.",
    "There is no benchmark {name!r}. There are: {known}.": "Não existe a medição {name!r}. Existem: {known}.",
    # ---- installing ----
    "Making the Python environment in {path} …": "Criando o ambiente Python em {path} …",
    "Installing {count} packages of {file} …": "Instalando {count} pacotes de {file} …",
    "Another ./orq is installing; waiting for it …": "Outro ./orq está instalando; aguardando …",
    "The packages could not be downloaded: no connection to the package index. "
    "Check the network (HTTPS_PROXY and PIP_INDEX_URL are honoured) and run this again; it goes on where it stopped. "
    "Details: {log}": (
        "Os pacotes não puderam ser baixados: sem conexão com o índice de pacotes. "
        "Confira a rede (HTTPS_PROXY e PIP_INDEX_URL são respeitados) e execute de novo; continua de onde parou. "
        "Detalhes: {log}"
    ),
    "The packages could not be installed: {last} Details: {log}": "Os pacotes não puderam ser instalados: {last} Detalhes: {log}",
    "A package that was downloaded is not the one that was pinned; it was not installed. Details: {log}": (
        "Um pacote baixado não é o que foi fixado; ele não foi instalado. Detalhes: {log}"
    ),
    "The disk of {folder} is full: installing needs about {needed_mb} MB and {free_mb} MB are free. "
    "Free some space and run this again; it goes on where it stopped.": (
        "O disco de {folder} está cheio: a instalação precisa de cerca de {needed_mb} MB e há {free_mb} MB livres. "
        "Libere espaço e execute de novo; continua de onde parou."
    ),
    "{folder} cannot be written to: {cause}. Make it yours, or run this as its owner.": (
        "Não é possível gravar em {folder}: {cause}. Torne-a sua, ou execute como o dono dela."
    ),
    # ---- starting ----
    "Starts the product in this terminal. Ctrl-C stops it.": "Inicia o produto neste terminal. Ctrl-C o encerra.",
    "address to listen on (ORQ_HOST)": "endereço em que atende (ORQ_HOST)",
    "port to listen on (ORQ_PORT)": "porta em que atende (ORQ_PORT)",
    "processes for background work": "processos para o trabalho em segundo plano",
    "do not open a browser": "não abre um navegador",
    "Port {port} does not exist; choose one from 1 to 65535.": "A porta {port} não existe; escolha uma de 1 a 65535.",
    "--workers takes 1 or more; without a worker no task would run.": (
        "--workers aceita 1 ou mais; sem nenhum, nenhuma tarefa seria executada."
    ),
    "Port {port} is taken by another program. {next} is free: ./orq up --port {next}": (
        "A porta {port} está ocupada por outro programa. A {next} está livre: ./orq up --port {next}"
    ),
    "Port {port} is reserved for the administrator; use one above 1023: ./orq up --port 8000": (
        "A porta {port} é reservada ao administrador; use uma acima de 1023: ./orq up --port 8000"
    ),
    "{host} is not an address of this machine. Use 127.0.0.1, or 0.0.0.0 for all of them.": (
        "{host} não é um endereço desta máquina. Use 127.0.0.1, ou 0.0.0.0 para todos."
    ),
    "The address {host} is not known: {cause}.": "O endereço {host} não é conhecido: {cause}.",
    "Cannot listen on {host}:{port}: {cause}.": "Não é possível atender em {host}:{port}: {cause}.",
    "Collecting static files …": "Reunindo os arquivos estáticos …",
    "Preparing the database …": "Preparando o banco de dados …",
    "Updating the database ({count} changes) …": "Atualizando o banco de dados ({count} mudanças) …",
    "Orquestrador is ready: {url}": "O Orquestrador está pronto: {url}",
    "Sign in with your account.": "Entre com a sua conta.",
    "Ctrl-C stops everything.": "Ctrl-C encerra tudo.",
    "Stopping …": "Parando …",
    "Stopped.": "Parado.",
    # ---- the data folder ----
    "The data folder {home} cannot be used": "A pasta de dados {home} não pode ser usada",
    "Only {free_mb} MB are free on the disk of {home}; at least {needed_mb} MB are needed to start. Free some space.": (
        "Há só {free_mb} MB livres no disco de {home}; são precisos ao menos {needed_mb} MB para iniciar. Libere espaço."
    ),
    "The settings in {file} cannot be read: {cause}.": "As configurações em {file} não podem ser lidas: {cause}.",
    "Orquestrador already runs with {home}: {url} (process {pid}). Stop it first, or set ORQ_HOME to another folder.": (
        "O Orquestrador já está em execução com {home}: {url} (processo {pid}). Pare-o antes, ou indique outra pasta em ORQ_HOME."
    ),
    "its address is not known yet": "seu endereço ainda não é conhecido",
    "An earlier start was cut off; waiting for its {name} (process {pid}) to end …": (
        "Um início anterior foi interrompido; aguardando o fim do seu {name} (processo {pid}) …"
    ),
    # ---- what went wrong ----
    "Orquestrador stopped": "O Orquestrador parou",
    "Orquestrador could not be prepared": "O Orquestrador não pôde ser preparado",
    "Details: {log}": "Detalhes: {log}",
    "the disk is full. Free some space and start again.": "o disco está cheio. Libere espaço e inicie de novo.",
    "your disk quota is used up. Free some space and start again.": "sua cota de disco acabou. Libere espaço e inicie de novo.",
    "permission denied for {file}. Run this as its owner, or set ORQ_HOME to another folder.": (
        "permissão negada para {file}. Execute como o dono, ou indique outra pasta em ORQ_HOME."
    ),
    "the disk is read-only. Set ORQ_HOME to a folder that can be written to.": (
        "o disco é somente leitura. Indique em ORQ_HOME uma pasta em que se possa gravar."
    ),
    "{file} is not a folder. Set ORQ_HOME to a folder.": "{file} não é uma pasta. Indique uma pasta em ORQ_HOME.",
    "the database file cannot be opened or written to. Check who owns it.": (
        "o arquivo do banco de dados não pode ser aberto ou gravado. Confira quem é o dono."
    ),
    "the database cannot be reached ({cause}). Check DATABASE_URL and that it runs.": (
        "o banco de dados não responde ({cause}). Confira DATABASE_URL e se ele está em execução."
    ),
    "The database change {name} failed: {cause}. {after} Nothing was started.": (
        "A mudança {name} do banco de dados falhou: {cause}. {after} Nada foi iniciado."
    ),
    "Your data is as it was before; a copy is in {copy}.": "Seus dados estão como antes; há uma cópia em {copy}.",
    "There was no data yet, so there is nothing to put back.": "Ainda não havia dados, então não há nada a repor.",
    "This database makes no copy of itself here: restore your own backup if you need the state before.": (
        "Aqui não se faz cópia deste banco de dados: restaure o seu próprio backup se precisar do estado anterior."
    ),
    "The database could not be copied before its update ({cause}); nothing was changed. {folder} needs {mb} MB.": (
        "O banco de dados não pôde ser copiado antes da atualização ({cause}); nada foi mudado. {folder} precisa de {mb} MB."
    ),
    "{name} did not start ({cause}). Its last words:\n{words}\nMore in {log}": (
        "{name} não iniciou ({cause}). Suas últimas palavras:\n{words}\nMais em {log}"
    ),
    "{name} ended ({cause}); starting it again in {wait} s.": "{name} terminou ({cause}); será iniciado de novo em {wait} s.",
    "{name} did not end in time and is killed.": "{name} não terminou a tempo e é encerrado à força.",
    "killed by {signal}": "morto por {signal}",
    "exit status {status}": "código de saída {status}",
    "After {seconds} s the product does not yet say that it is healthy. Its logs are in {folder}.": (
        "Após {seconds} s o produto ainda não diz que está saudável. Os registros estão em {folder}."
    ),
    "{file} cannot be written: {cause}. The product goes on without this log.": (
        "Não é possível gravar {file}: {cause}. O produto continua sem este registro."
    ),
    "Compiled {file}": "Compilado: {file}",
    "Translations are compiled.": "As traduções estão compiladas.",
    # ---- tests and checks ----
    "Tests on SQLite": "Testes com SQLite",
    "Tests on MariaDB": "Testes com MariaDB",
    "{what}: {result} in {seconds} s.": "{what}: {result} em {seconds} s.",
    "passed": "passou",
    "FAILED": "FALHOU",
    "Some tests failed.": "Alguns testes falharam.",
    "All tests passed.": "Todos os testes passaram.",
    "All tests that ran passed.": "Todos os testes executados passaram.",
    "Left out: {name}: {why}": "Ficou de fora: {name}: {why}",
    "On CI nothing may be left out.": "Na integração contínua nada pode ficar de fora.",
    "not installed, and only root can install it: sudo apt-get install {package}": (
        "não está instalado, e só o root pode instalar: sudo apt-get install {package}"
    ),
    "Installing {packages} …": "Instalando {packages} …",
    "apt-get could not install {packages}:\n{output}": "o apt-get não conseguiu instalar {packages}:\n{output}",
    "Everything is in order.": "Está tudo em ordem.",
    "Not in order: {checks}": "Não está em ordem: {checks}",
    # ---- the doctor ----
    "Checks the installation.": "Confere a instalação.",
    "print the findings as JSON": "imprime o resultado em JSON",
    "ok": "ok",
    "look": "veja",
    "WRONG": "ERRADO",
    "{mb} MB available": "{mb} MB disponíveis",
    "{mb} MB free for {path}": "{mb} MB livres para {path}",
    "as pinned in {file}": "como fixados em {file}",
    "not those pinned in {file}": "não são os fixados em {file}",
    "Install Python 3.11 or later.": "Instale o Python 3.11 ou mais novo.",
    "Run ./orq up; it installs them.": "Execute ./orq up; ele os instala.",
    "Run ./orq up; it installs what is missing.": "Execute ./orq up; ele instala o que falta.",
    "Run ./orq up; it makes it.": "Execute ./orq up; ele o cria.",
    "Run ./orq up; it applies them.": "Execute ./orq up; ele as aplica.",
    "Run ./orq up; it compiles them.": "Execute ./orq up; ele as compila.",
    "End other programs, or add memory; local models need more still.": (
        "Encerre outros programas, ou aumente a memória; modelos locais precisam de ainda mais."
    ),
    "Make it yours with chown, or set ORQ_HOME to another folder.": "Torne-a sua com chown, ou indique outra pasta em ORQ_HOME.",
    "other users of this machine can look into {path}": "outros usuários desta máquina podem ver o conteúdo de {path}",
    "other users can read {files}": "outros usuários podem ler {files}",
    "chmod 700 {path}": "chmod 700 {path}",
    "readable by their owner alone": "legíveis só pelo dono",
    "Free some space; the product does not start with so little.": "Libere espaço; o produto não inicia com tão pouco.",
    "Free some space before it runs out.": "Libere espaço antes que acabe.",
    "runs at {url} (process {pid})": "em execução em {url} (processo {pid})",
    "process {pid} runs but {url} does not say that it is healthy": (
        "o processo {pid} está em execução, mas {url} não diz que está saudável"
    ),
    "Look at {log}.": "Veja {log}.",
    "Set ORQ_PORT, or end the other program.": "Defina ORQ_PORT, ou encerre o outro programa.",
    "not running; {host}:{port} is free": "parado; {host}:{port} está livre",
    "there is none yet": "ainda não existe",
    "{count} changes are not applied, the first is {name}": "{count} mudanças não foram aplicadas; a primeira é {name}",
    "{kind}, reachable and up to date": "{kind}, acessível e atualizado",
    "none needed: messages go through the data folder": "nenhum é preciso: as mensagens passam pela pasta de dados",
    "{url}, reachable": "{url}, acessível",
    "Check DATABASE_URL and that the database runs.": "Confira DATABASE_URL e se o banco de dados está em execução.",
    "Check CELERY_BROKER_URL or REDIS_URL and that the broker runs.": (
        "Confira CELERY_BROKER_URL ou REDIS_URL e se o intermediador de mensagens está em execução."
    ),
    "not compiled: {files}": "não compiladas: {files}",
    "compiled": "compiladas",
}
