// One prompt tried out: its answer arrives as lines of JSON and is written as it comes.

const form = document.querySelector("[data-try]");

if (form) {
  const card = document.querySelector("[data-try-answer]");
  const text = card.querySelector("[data-try-text]");
  const state = card.querySelector("[data-try-state]");
  const foot = card.querySelector("[data-try-foot]");
  const link = card.querySelector("[data-try-link]");
  const ask = form.querySelector("[data-try-ask]");
  const stop = form.querySelector("[data-try-stop]");
  let going = null;

  const begin = () => {
    card.hidden = false;
    foot.hidden = true;
    text.textContent = "";
    text.setAttribute("aria-busy", "true");
    state.textContent = form.dataset.textBusy;
    ask.disabled = true;
    stop.hidden = false;
  };

  const end = () => {
    text.removeAttribute("aria-busy");
    ask.disabled = false;
    stop.hidden = true;
    going = null;
  };

  const follow = (url) => {
    if (!url) return;
    link.href = url;
    foot.hidden = false;
  };

  const take = (said) => {
    if (said.restarted) text.textContent = "";
    if (said.text) text.append(said.text);
    if (said.waiting) state.textContent = said.waiting;
    if ("done" in said) {
      text.textContent = said.done;
      state.textContent = form.dataset.textDone;
      follow(said.url);
    }
    if (said.error) {
      text.textContent = said.error;
      state.textContent = form.dataset.textFailed;
      follow(said.url);
    }
  };

  const read = async (body) => {
    const lines = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await lines.read();
      if (done) break;
      const parts = (rest + value).split("\n");
      rest = parts.pop();
      parts.filter(Boolean).forEach((line) => take(JSON.parse(line)));
    }
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (going) return;
    begin();
    going = new AbortController();
    try {
      const answer = await fetch(form.action, { method: "POST", body: new FormData(form), signal: going.signal });
      if ((answer.headers.get("content-type") || "").startsWith("application/x-ndjson")) await read(answer.body);
      else take({ error: (await answer.json().catch(() => ({}))).error || document.body.dataset.textProblem });
    } catch (error) {
      if (error.name === "AbortError") state.textContent = form.dataset.textFailed;
      else take({ error: document.body.dataset.textOffline });
    } finally {
      end();
    }
  });

  stop.addEventListener("click", () => going?.abort());
}
