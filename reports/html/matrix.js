"use strict";
// Text from targets enters the page by textContent alone: nothing in it is ever markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const matrix = document.getElementById("matrix");
  const dialog = document.getElementById("case");
  const form = document.getElementById("filters");
  const FEW = 60; // so many matching rows are opened at once
  let openByDefault = data.open; // whether clauses are open that the user has neither opened nor closed
  const waiting = new Map(); // the body of a clause whose cells are not made yet -> its group
  const rank = new Map(data.verdicts.map((verdict, index) => [verdict, index]));

  function element(tag, properties = {}, ...children) {
    const made = document.createElement(tag);
    const {data: dataset = {}, ...rest} = properties;
    Object.assign(made, rest);
    Object.assign(made.dataset, dataset);
    made.append(...children);
    return made;
  }

  // --- Rows: clauses in the order of documents, each with its cases ------------------------------------------------------

  const groups = [];
  for (const row of data.rows) {
    const last = groups.at(-1);
    const group = last?.clause === row.clause ? last : {clause: row.clause, rows: []};
    if (group !== last) groups.push(group);
    group.rows.push(row);
  }
  for (const row of data.rows) {
    const one = data.cases[row.case];
    const {says} = data.clauses[row.clause];
    row.one = one;
    row.text = [one.id, one.summary, row.clause, says, ...one.calls].join("\n").toLowerCase();
    row.seen = row.seen.map((number) => data.outcomes[number] ?? null);
  }

  // --- Filters, kept in the address, so that a link can be shared ------------------------------------------------

  function filters() {
    const fields = new FormData(form);
    return {text: fields.get("text").trim().toLowerCase(), errno: fields.get("errno"), topic: fields.get("topic"),
      verdict: fields.get("verdict"), disagree: fields.has("disagree"), alone: fields.has("alone")};
  }

  function matches(row, wanted) {
    return (!wanted.disagree || row.disagrees) && (!wanted.alone || row.failsOnce)
      && (!wanted.verdict || row.seen.some((seen) => seen?.[0] === wanted.verdict))
      && (!wanted.errno || row.one.errnos.includes(wanted.errno))
      && (!wanted.topic || row.one.topic === wanted.topic || row.one.topic.startsWith(wanted.topic + "/"))
      && wanted.text.split(/\s+/).every((word) => row.text.includes(word));
  }

  function writeAddress(shownCase) {
    const address = new URLSearchParams();
    for (const [name, value] of Object.entries(filters())) if (value) address.set(name, value === true ? "1" : value);
    if (shownCase) address.set("case", shownCase);
    history.replaceState(null, "", "#" + address);
  }

  function readAddress() {
    const address = new URLSearchParams(location.hash.slice(1));
    for (const name of ["text", "errno", "topic", "verdict"]) form.elements[name].value = address.get(name) ?? "";
    for (const name of ["disagree", "alone"]) form.elements[name].checked = address.has(name);
    render();
    const row = data.rows.find((one) => one.one.id === address.get("case"));
    requested = null;
    if (row) showCase(row);
    else if (dialog.open) dialog.close();
  }

  // --- The matrix --------------------------------------------------------------------------------------------------------

  // The worst verdict of the rows on a target, in how many of them, what was seen there, and the row that decides it.
  function aggregate(rows, column) {
    let total = 0, number = 0, verdict = null, decisive = null;
    let seen = new Set();
    for (const row of rows) {
      const [word, observed] = row.seen[column] ?? [];
      if (!word) continue;
      total += 1;
      if (verdict === null || rank.get(word) < rank.get(verdict)) [verdict, number, decisive, seen] = [word, 0, row, new Set()];
      if (word === verdict) {
        number += 1;
        if (observed) seen.add(observed);
      }
    }
    return {verdict, number, total, decisive, seen: [...seen]};
  }

  function cell(rows, column) {
    const {verdict, number, total, decisive, seen} = aggregate(rows, column);
    if (verdict === null) return element("td");
    const more = seen.length > 3 ? [`${seen.length - 3} more`] : [];
    const button = element("button", {type: "button", tabIndex: -1, data: {verdict}},
      element("span", {className: "glyph", textContent: data.glyphs[verdict]}), verdict);
    if (number < total) button.append(" ", element("span", {className: "share", textContent: `${number}/${total}`}));
    if (seen.length) button.append(" ", element("code", {textContent: [...seen.slice(0, 3), ...more].join(", ")}));
    button.addEventListener("click", () => showCase(decisive));
    return element("td", {}, button);
  }

  function tableRow(name, cells) {
    return element("tr", {}, element("th", {scope: "row"}, name), ...cells);
  }

  const cellsOf = (rows) => data.columns.map((_, column) => cell(rows, column));

  function nameButton(depth, action, ...content) {
    const button = element("button", {type: "button", tabIndex: -1, className: `depth-${depth}`}, ...content);
    button.addEventListener("click", action);
    return button;
  }

  function clauseRow(group) {
    const twist = element("span", {className: "twist", textContent: isOpen(group) ? "▾" : "▸"});
    const name = nameButton(0, () => toggle(group), twist, group.clause, " ",
      element("small", {textContent: String(group.matching.length)}));
    name.setAttribute("aria-expanded", String(isOpen(group)));
    name.title = data.clauses[group.clause].says;
    return tableRow(name, [element("td", {colSpan: data.columns.length})]);
  }

  function* scenarioRows(rows) {
    const scenarios = Map.groupBy(rows, (row) => `${row.one.topic}::${row.one.scenario}`);
    for (const [scenario, variants] of scenarios) {
      const only = variants.length === 1 && variants[0].one.variant ? `[${variants[0].one.variant}]` : "";
      const name = nameButton(1, () => showCase(variants[0]), scenario + only);
      name.title = variants[0].one.summary;
      yield tableRow(name, cellsOf(variants));
      if (variants.length > 1) {
        for (const row of variants) yield tableRow(nameButton(2, () => showCase(row), row.one.variant), cellsOf([row]));
      }
    }
  }

  // Cells are made when they are about to be scrolled into view; until then a clause is its name and, if open, one empty row.

  const near = new IntersectionObserver((entries) => {
    for (const {isIntersecting, target} of entries) if (isIntersecting) fill(target);
  }, {rootMargin: "1000px"});

  const isOpen = (group) => group.chosen ?? openByDefault;

  function body(group) {
    const made = element("tbody", {}, clauseRow(group));
    if (isOpen(group)) {
      const place = element("tr", {}, element("td", {colSpan: data.columns.length + 1}));
      place.style.height = `${group.matching.length * 1.9}rem`;
      made.append(place);
    }
    group.body = made;
    waiting.set(made, group);
    near.observe(made);
    return made;
  }

  function fill(made) {
    const group = waiting.get(made);
    forget(made);
    if (isOpen(group)) made.lastElementChild.replaceWith(...scenarioRows(group.matching));
    made.firstElementChild.lastElementChild.replaceWith(...cellsOf(group.matching));
  }

  function forget(made) {
    near.unobserve(made);
    waiting.delete(made);
  }

  function toggle(group) {
    const old = group.body;
    group.chosen = !isOpen(group);
    old.replaceWith(body(group));
    forget(old);
    fill(group.body);
    focusOn(group.body.querySelector("button"));
  }

  function render() {
    const wanted = filters();
    const filtered = Object.values(wanted).some(Boolean);
    for (const group of groups) group.matching = group.rows.filter((row) => matches(row, wanted));
    const visible = groups.filter((group) => group.matching.length);
    const count = visible.reduce((sum, group) => sum + group.matching.length, 0);
    openByDefault = data.open || (filtered && count <= FEW);
    near.disconnect();
    waiting.clear();
    const bodies = [];
    let document_ = null;
    for (const group of visible) {
      const {document: name} = data.clauses[group.clause];
      if (name !== document_) {
        bodies.push(element("tbody", {}, element("tr", {},
          element("th", {scope: "rowgroup", colSpan: data.columns.length + 1, textContent: name}))));
        document_ = name;
      }
      bodies.push(body(group));
    }
    const columns = data.columns.map((column) => element("th", {scope: "col", title: column.platform}, column.label,
      element("small", {textContent: column.version})));
    matrix.replaceChildren(
      element("colgroup", {}, element("col", {className: "name"}), ...columns.map(() => element("col", {className: "target"}))),
      element("thead", {}, element("tr", {}, element("th", {scope: "col", textContent: "clause"}), ...columns)), ...bodies);
    const first = matrix.querySelector("button");
    if (first) first.tabIndex = 0;
    const cases = new Set(visible.flatMap((group) => group.matching.map((row) => row.case)));
    document.getElementById("shown").textContent =
      `${visible.length} of ${groups.length} clauses, ${cases.size} of ${data.cases.length} cases`;
  }

  // --- One case ----------------------------------------------------------------------------------------------------------

  function verdictSpan(verdict) {
    return element("span", {data: {verdict}, textContent: verdict ? `${data.glyphs[verdict]} ${verdict}` : ""});
  }

  function stepRow(step, number, one) {
    const expected = step.expected.map(([clause, allowed]) => element("div", {title: clause},
      step.expected.length > 1 ? `${clause}: ${allowed}` : allowed));
    const cells = one.results.map((result) => {
      if (!result) return null;
      const [observed, verdicts] = result.observed[number] ?? ["", []];
      const words = verdicts.filter((verdict) => verdict && verdict !== "conforms");
      return element("td", {data: verdicts.length ? {verdict: verdicts[0]} : {}}, observed,
        ...words.flatMap((verdict) => [" ", `${data.glyphs[verdict]} ${verdict}`]));
    });
    return element("tr", {className: step.line ? "" : "of-fixture"},
      element("td", {textContent: String(number + 1)}),
      element("td", {}, step.given ? `given ${step.given}: ` : "", step.text), element("td", {}, ...expected),
      ...cells.filter(Boolean));
  }

  function about(result, label) {
    const made = [element("dt", {}, label + " ", verdictSpan(result.verdict))];
    if (result.reason) made.push(element("dd", {textContent: result.reason}));
    for (const entry of result.deviations) made.push(element("dd", {textContent: "declared: " + entry}));
    made.push(element("dd", {}, "again: ", element("code", {textContent: result.again})));
    return made;
  }

  function reproducer({target, lines}) {
    const source = element("pre", {textContent: lines.join("\n")});
    const copy = element("button", {type: "button", textContent: "Copy"});
    copy.addEventListener("click", () => {
      getSelection().selectAllChildren(source);
      document.execCommand("copy"); // a page from a file is no secure context, which navigator.clipboard asks for
    });
    return element("details", {className: "program"},
      element("summary", {textContent: `C reproducer: the calls of ${target}, with the clauses as checks`}), copy, source);
  }

  // The results of a scenario file are one deflated chunk, unpacked when one of its cases is opened.

  const chunks = document.getElementsByClassName("chunk");
  const unpacked = new Map(); // the number of a chunk -> the promise of its cases

  function details({id, chunk}) {
    if (!unpacked.has(chunk)) {
      const bytes = Uint8Array.from(atob(chunks[chunk].textContent), (letter) => letter.charCodeAt(0));
      const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
      unpacked.set(chunk, new Response(inflated).json());
    }
    return unpacked.get(chunk).then((cases) => cases[id]);
  }

  let requested = null; // the case to show; another may be requested before it is unpacked

  async function showCase(row) {
    requested = row.one;
    const one = {...row.one, ...await details(row.one)};
    if (requested !== row.one) return;
    const played = data.columns.filter((_, column) => one.results[column]);
    const clauses = new Set(one.results.flatMap((result) => result?.clauses ?? []));
    const close = element("button", {type: "button", className: "close", textContent: "Close"});
    close.addEventListener("click", () => dialog.close());
    dialog.replaceChildren(
      close,
      element("h2", {id: "case-id", textContent: one.id}), element("p", {textContent: one.summary}),
      element("dl", {}, ...[...clauses].flatMap((clause) => [
        element("dt", {textContent: clause}), element("dd", {textContent: data.clauses[clause].says}),
        element("dd", {}, element("small", {textContent: data.clauses[clause].cited}))])),
      element("div", {className: "steps"}, element("table", {},
        element("thead", {}, element("tr", {}, ...["#", "step", "expected", ...played.map((column) => column.label)]
          .map((name) => element("th", {scope: "col", textContent: name})))),
        element("tbody", {}, ...one.steps.map((step, number) => stepRow(step, number, one))))),
      element("dl", {}, ...one.results.flatMap((result, column) => result ? about(result, data.columns[column].label) : [])),
      ...(one.program.target ? [reproducer(one.program)] : []));
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    writeAddress(one.id);
  }

  // --- Events ------------------------------------------------------------------------------------------------------------

  // Arrow keys move from cell to cell; the table is one stop of the Tab key.
  function move(event) {
    const from = event.target.closest("button");
    if (!from || !matrix.contains(from)) return;
    const rows = [...matrix.querySelectorAll("tbody tr:has(button)")];
    const row = from.closest("tr");
    const index = rows.indexOf(row), at = from.parentElement.cellIndex;
    const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key];
    if (!step) return;
    event.preventDefault();
    const to = rows[index + step[0]]?.cells[at + step[1]]?.querySelector("button");
    if (!to) return;
    focusOn(to);
  }

  function focusOn(button) {
    for (const other of matrix.querySelectorAll("button[tabindex='0']")) other.tabIndex = -1;
    button.tabIndex = 0;
    button.focus();
  }

  function changed() {
    render();
    writeAddress();
  }

  matrix.addEventListener("keydown", move);
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(changed));
  for (const [id, open] of [["open", true], ["close", false]]) {
    document.getElementById(id).addEventListener("click", () => {
      for (const group of groups) group.chosen = open;
      render();
    });
  }
  dialog.addEventListener("close", () => writeAddress());
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || dialog.open || /^(INPUT|SELECT)$/.test(event.target.tagName)) return;
    event.preventDefault();
    form.elements.text.focus();
  });
  window.addEventListener("hashchange", readAddress);
  window.addEventListener("beforeprint", () => [...waiting.keys()].forEach(fill));
  readAddress();
})();
