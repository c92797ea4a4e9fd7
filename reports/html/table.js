// --- Table: a row for each error and topic; rows open to their clauses, clauses to scenarios, scenarios to variants -----

const matrix = document.getElementById("matrix");
const FEW = 60; // if so few leaves match, everything is open
const opened = new Map(); // key of a row -> whether the user has opened or closed it

function shownColumns(wanted) {
  const columns = model.columns.filter(({label}) => !hidden.has(label));
  if (wanted.sort === "name") return columns.sort((a, b) => a.label.localeCompare(b.label));
  if (wanted.sort === "conforms") return columns.sort((a, b) => (percent(b.parts) ?? -1) - (percent(a.parts) ?? -1));
  return columns;
}

function render() {
  const wanted = filters(), columns = shownColumns(wanted);
  const rows = model.rows.map((row) => ({...row, leaves: row.leaves.filter((leaf) => matches(leaf, wanted))}))
    .filter((row) => row.leaves.length);
  const count = rows.reduce((sum, row) => sum + row.leaves.length, 0);
  const isNarrowed = count < model.leaves.length;
  const state = {columns, all: isNarrowed && count <= FEW};
  matrix.replaceChildren(element("thead", {}, element("tr", {},
    element("th", {scope: "col"}, "cases that conform"), ...columns.map(headCell))),
  ...rows.map((row) => element("tbody", {className: row.begins ? "begins" : ""}, ...rowLines(row, state))));
  const clauses = new Set(rows.flatMap((row) => row.leaves.map((leaf) => leaf.clause)));
  const cases = new Set(rows.flatMap((row) => row.leaves.map((leaf) => leaf.one)));
  document.getElementById("shown").textContent =
    `${clauses.size} of ${model.clauses.length} clauses, ${cases.size} of ${model.cases.length} cases`;
  document.getElementById("none").hidden = count > 0;
  document.getElementById("shown-columns").textContent = `Targets ${columns.length}/${model.columns.length}`;
  matrix.querySelector("button")?.setAttribute("tabindex", "0");
}

// Under the filters, which may need several lines, the header of the table stays in view.
function keepHeader() {
  new ResizeObserver(() => document.body.style.setProperty("--filters", `${form.offsetHeight}px`)).observe(form);
}

function headCell(column) {
  const fresh = changesText(column);
  return element("th", {scope: "col", title: column.version},
    button(breakable(column.label), () => go({target: column.label}), {tabIndex: -1}),
    bar(column.parts), element("small", {}, percentText(column.parts)),
    ...(fresh ? [element("small", {className: "fresh", title: `since the last run: ${fresh}`}, "new")] : []));
}

// A name that may be broken after a hyphen, underscore or full stop.
function breakable(name) {
  const made = document.createDocumentFragment();
  for (const part of name.split(/(?<=[-_.])/)) made.append(part, element("wbr"));
  return made;
}

// --- the lines of a row: itself, and if it is open its clauses, scenarios and variants

function* rowLines(row, state) {
  const [clause, ...others] = row.clauses;
  const about = {key: row.key, title: row.title, says: clause.says, depth: 0, clause: others.length ? null : clause};
  yield* openable(about, row.leaves, state, others.length ? clauseLines : scenarioLines, model.every);
}

function* clauseLines(leaves, state) {
  for (const [clause, held] of Map.groupBy(leaves, (leaf) => leaf.clause)) {
    const about = {key: `${clause.row} ${clause.id}`, title: clause.id, says: clause.says, depth: 1, clause};
    yield* openable(about, held, state, scenarioLines);
  }
}

function* scenarioLines(leaves, state) {
  for (const [scenario, held] of Map.groupBy(leaves, (leaf) => leaf.one.scenario)) {
    const [{clause, one}] = held;
    const key = `${clause.id} ${scenario.topic}::${scenario.name}`, says = `${scenario.topic}: ${scenario.summary}`;
    if (held.length > 1) yield* openable({key, title: scenario.name, says, depth: 2}, held, state, variantLines);
    else yield leafLine(held[0], one.variant ? `${scenario.name}[${one.variant}]` : scenario.name, 2, state);
  }
}

function* variantLines(leaves, state) {
  for (const leaf of leaves) yield leafLine(leaf, leaf.one.variant, 3, state);
}

function leafLine(leaf, title, depth, state) {
  const name = button(breakable(title), () => go({case: leaf.one.id}),
    {tabIndex: -1, className: `name depth-${depth}`, title: leaf.one.scenario.summary});
  return line(name, [], [leaf], state);
}

// A line, and when it is open those below it, which `inner` makes. key: by which it is remembered that it is open; clause:
// what it is about; openFirst: whether it is open before the user says so.
function* openable({key, title, says, depth, clause}, leaves, state, inner, openFirst = false) {
  const isOpen = opened.get(key) ?? (openFirst || state.all);
  const twist = element("span", {className: "twist", ariaHidden: "true"}, isOpen ? "▾" : "▸");
  const name = button(twist, () => toggle(key, isOpen),
    {tabIndex: -1, className: `name depth-${depth}`, title: says, data: {key}, ariaExpanded: String(isOpen)});
  name.append(breakable(title));
  yield line(name, clause ? [clauseButton(clause)] : [], leaves, state);
  if (isOpen) yield* inner(leaves, state);
}

function clauseButton({id, says}) {
  return button("§", () => go({clause: id}), {tabIndex: -1, className: "about", ariaLabel: `clause ${id}`, title: says});
}

function toggle(key, isOpen) {
  opened.set(key, !isOpen);
  render();
  focusOn([...matrix.querySelectorAll("button")].find((one) => one.dataset.key === key));
}

function line(name, about, leaves, state) {
  return element("tr", {}, element("th", {scope: "row"}, element("div", {}, name, ...about)),
    ...state.columns.map((column) => cell(leaves, column)));
}

// --- a cell: what was returned, coloured by the worst verdict, as far as its share of the cases

function cell(leaves, column) {
  const sum = aggregate(leaves, column.at);
  if (sum.verdict === null) return element("td");
  const made = button("", () => go({case: sum.decisive.one.id, on: column.label}),
    {tabIndex: -1, data: {verdict: sum.verdict}, title: cellTitle(sum, column)});
  made.append(...cellParts(sum));
  made.classList.toggle("long", made.textContent.length > 10);
  made.classList.toggle("longer", made.textContent.length > 12);
  if (sum.departing && sum.departing < sum.total) {
    made.classList.add("partly");
    made.style.setProperty("--share", `${Math.max(6, Math.round(100 * sum.departing / sum.total))}%`);
  }
  return element("td", {}, made);
}

const asReturned = (text) => text === "ok" ? "0" : text;

// The first outcome, and the number of others where there is space for it.
function cellParts({verdict, observed}) {
  if (!observed.length) return [model.glyphs[verdict]];
  const failing = DEPARTS.has(verdict) && verdict !== "deviates" ? `${model.glyphs[verdict]} ` : "";
  const more = observed.length > 1 && observed[0].length < 10 ? [element("small", {}, `+${observed.length - 1}`)] : [];
  return [`${failing}${asReturned(observed[0])}`, ...more];
}

function cellTitle({verdict, number, total, observed}, {label}) {
  const returned = observed.slice(0, 6).map(asReturned).join(", ") + (observed.length > 6 ? ", …" : "");
  return `${label}: ${verdict} in ${number} of ${count(total, "case")}${returned && `: ${returned}`}`;
}

// --- keys: arrows move from cell to cell; the table is one stop of the Tab key

function move(event) {
  const from = event.target.closest("button");
  const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key];
  if (!from || !step) return;
  event.preventDefault();
  const rows = [...matrix.rows], at = from.closest("th, td").cellIndex;
  const to = rows[rows.indexOf(from.closest("tr")) + step[0]]?.cells[at + step[1]]?.querySelector("button");
  if (to) focusOn(to);
}

function focusOn(to) {
  for (const other of matrix.querySelectorAll("button[tabindex='0']")) other.tabIndex = -1;
  if (!to) return;
  to.tabIndex = 0;
  to.focus();
}

