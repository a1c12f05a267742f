// The table and the blind tests of the report. Words of others reach the page as text, never as markup.
const page = JSON.parse(document.getElementById("data").textContent);
const byId = (name) => document.getElementById(name);

function made(tag, words = "", more = {}) {
  const element = document.createElement(tag);
  element.textContent = words;
  return Object.assign(element, more);
}

// ---- every recording

const asText = DataTable.render.text().display;

// What DataTables shows, and what it searches, it takes for markup: both are escaped. It sorts what is given.
function cell(column, value, purpose) {
  if (purpose !== "display" && purpose !== "filter") return value ?? "";
  if (value === null) return column.none;
  return column.digits === undefined ? asText(value) : value.toFixed(column.digits);
}

function showTable() {
  const columns = page.columns.map((column) => ({
    title: asText(column.title),
    type: column.digits === undefined ? "string" : "num",
    render: (value, purpose) => cell(column, value, purpose),
  }));
  const table = new DataTable("#recordings", {
    columns,
    data: page.rows,
    deferRender: true,
    order: [[page.sort, "asc"]],
    pageLength: 25,
    layout: { top1: "searchBuilder" },
    createdRow: (row, values) => linkExample(row, values[0]),
  });
  const choice = byId("metric");
  const show = () => {
    page.columns.forEach((column, place) => {
      if (column.metric !== undefined) table.column(place).visible(column.metric === choice.value, false);
    });
    table.columns.adjust();
  };
  choice.addEventListener("change", show);
  show();
}

function linkExample(row, name) {
  const place = page.examples.findIndex((example) => example.name === name);
  if (place >= 0) row.cells[0].replaceChildren(made("a", name, { href: `#example-${place}` }));
}

// ---- blind tests

// Sounds of one recording. All run together and all but one are silent, so that a change goes on at the same moment.
class Sounds {
  constructor(example, systems) {
    const places = systems.map((system) => page.examples[example].systems.indexOf(system));
    const players = byId(`example-${example}`).querySelectorAll("audio");
    this.audios = places.map((place) => Object.assign(new Audio(players[place].src), { loop: true, muted: true }));
    this.heard = new Set();
    this.begun = null;
  }

  async play(place) {
    this.audios.forEach((audio, at) => (audio.muted = at !== place));
    this.begun ??= Promise.all(this.audios.map((audio) => audio.play()));
    try {
      await this.begun;
      if (!this.audios[place].muted) this.heard.add(place);
    } catch (error) {
      if (error.name !== "AbortError") byId("heard").textContent = "This browser cannot play the sound.";
    }
  }

  stop() {
    this.audios.forEach((audio) => audio.pause());
  }
}

const trial = byId("trial");
let keys = {};
let sounds = null;

document.addEventListener("keydown", (event) => {
  if (trial.hidden || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "Enter" && event.target.matches("button, a")) return;
  const press = keys[event.key.toLowerCase()];
  if (press && !press.disabled) {
    event.preventDefault();
    press.click();
  }
});

function keyed(words, key, act, more = {}) {
  const button = made("button", `${words} (${key})`, { type: "button", ...more });
  button.addEventListener("click", act);
  keys[key.toLowerCase()] = button;
  return button;
}

function begin() {
  byId("report").hidden = true;
  trial.hidden = false;
}

function leave() {
  sounds?.stop();
  keys = {};
  trial.hidden = true;
  trial.replaceChildren();
  byId("report").hidden = false;
  byId("blind").scrollIntoView();
}

// What stands on the screen of a trial; its headline takes the focus, so that a reader of screens tells it.
function screen(title, words, ...parts) {
  sounds?.stop();
  const head = made("h2", title, { tabIndex: -1 });
  const stop = keyed("Leave the test", "Escape", leave, { className: "leave" });
  trial.replaceChildren(head, made("p", words), ...parts, made("p", "", { id: "heard", role: "status" }), stop);
  head.focus();
}

// A sound counts as heard once it has begun; its button then bears a mark.
function playing(words, key, place, enable) {
  return keyed(words, key, async (event) => {
    const button = event.currentTarget;
    trial.querySelectorAll("button.playing").forEach((other) => other.classList.remove("playing"));
    button.classList.add("playing");
    await sounds.play(place);
    button.classList.toggle("heard", sounds.heard.has(place));
    enable();
  });
}

function group(...parts) {
  const row = made("div", "", { className: "row" });
  row.append(...parts);
  return row;
}

function startAbx(form) {
  const systems = [form.first.value, form.second.value];
  if (systems[0] === systems[1]) {
    byId("abx-said").textContent = "Choose two different systems.";
    return;
  }
  byId("abx-said").textContent = "";
  const { seed, random } = seeded();
  const trials = abxTrials([...page.examples.keys()], systems, Number(form.count.value), random);
  const answers = [];
  begin();
  const next = () => {
    keys = {};
    const place = answers.length;
    if (place === trials.length) {
      const found = abxResult(trials, answers);
      const words = `${found.right} of ${found.count} right; somebody who guesses is as good with p ${found.p.toFixed(3)}.`;
      finish("abx", form.listener.value, seed, found, made("p", words));
      return;
    }
    const { recording, a, b, x } = trials[place];
    sounds = new Sounds(recording, [a, b, x]);
    const answer = (system) => {
      answers.push(system);
      next();
    };
    const said = [keyed("X is A", "1", () => answer(a)), keyed("X is B", "2", () => answer(b))];
    said.forEach((button) => (button.disabled = true));
    const enable = () => said.forEach((button) => (button.disabled = sounds.heard.size < 3));
    const heard = ["A", "B", "X"].map((letter, at) => playing(letter, letter.toLowerCase(), at, enable));
    screen(`A/B/X, ${place + 1} of ${trials.length}`, "Hear all three, then say which one X is.", group(...heard), group(...said));
  };
  next();
}

function startRating(form) {
  const { seed, random } = seeded();
  const [reference, ...systems] = page.examples[0].systems;
  const trials = ratingTrials([...page.examples.keys()], systems, reference, random);
  const scores = [];
  begin();
  const next = () => {
    keys = {};
    const place = scores.length;
    if (place === trials.length) {
      const found = ratingResult(trials, scores);
      finish("rating", form.listener.value, seed, found, ratingTable(found.means));
      return;
    }
    const { recording, stimuli } = trials[place];
    sounds = new Sounds(recording, [...stimuli, reference]);
    const sliders = stimuli.map((_, at) =>
      made("input", "", { type: "range", min: 0, max: 100, value: 50, ariaLabel: `Score of ${at + 1}` }));
    const on = keyed("Next", "Enter", () => {
      scores.push(sliders.map((slider) => Number(slider.value)));
      next();
    }, { disabled: true });
    const enable = () => (on.disabled = sounds.heard.size < stimuli.length + 1);
    const rows = sliders.map((slider, at) => {
      const shown = made("output", slider.value);
      slider.addEventListener("input", () => (shown.textContent = slider.value));
      return group(playing(`${at + 1}`, `${at + 1}`, at, enable), slider, shown);
    });
    const words = "How good is each, held against the reference? 0 is bad, 100 is excellent. The reference is among them. Hear all of them.";
    screen(`Rating, ${place + 1} of ${trials.length}`, words, group(playing("Reference", "0", stimuli.length, enable)), ...rows, on);
  };
  next();
}

function seeded() {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0];
  return { seed, random: randomFrom(seed) };
}

function ratingTable(means) {
  const table = made("table");
  table.append(made("caption", "Mean score ± standard error"));
  means.forEach(({ system, mean, standard_error: error }) => {
    const row = table.insertRow();
    row.append(made("th", system, { scope: "row" }), made("td", mean.toFixed(1) + (error === null ? "" : ` ±${error.toFixed(1)}`)));
  });
  return table;
}

function finish(kind, listener, seed, found, ...parts) {
  keys = {};
  const names = (told) => ({ ...told, recording: page.examples[told.recording].name });
  const result = { kind, listener, seed, about: page.about, ...found, trials: found.trials.map(names) };
  const blob = new Blob([`${JSON.stringify(result, null, 1)}\n`], { type: "application/json" });
  const link = made("a", "Save the result", { href: URL.createObjectURL(blob), download: `${kind}-result.json`, className: "button" });
  screen("Done", "The result is a file of yours; nothing is sent anywhere.", ...parts, link);
  keys.s = link;
}

for (const [name, start] of [["abx", startAbx], ["rating", startRating]]) {
  byId(name).addEventListener("submit", (event) => {
    event.preventDefault();
    start(event.target);
  });
}
showTable();
document.documentElement.dataset.ready = "yes";
