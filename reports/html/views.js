// --- Views: a case, a clause, a target, a bug, in a dialog; each has an address ------------------------------------------

const dialog = document.getElementById("view");
let requested = null; // the address of the view that was asked for last; another may be before this one is inflated

const title = (text) => element("h2", {id: "view-title"}, text);
const section = (text, ...content) => [element("h3", {}, text), ...content];
const paragraph = (...content) => element("p", {}, ...content);

function unknown(kind, id) {
  return [title(`Unknown ${kind}`), paragraph(`This page has no ${kind} `, element("code", {}, id), ".")];
}

// --- a case

async function caseView(address) {
  const id = address.get("case"), label = address.get("on");
  const one = model.cases.find((other) => other.id === id);
  if (!one) return unknown("case", id);
  const {steps, groups} = await callsOf(one);
  const clicked = groups.find(({columns}) => columns.some((column) => column.label === label));
  const chosen = clicked ?? groups[0];
  const on = chosen.columns.find((column) => column.label === label) ?? chosen.columns[0];
  const ordered = [chosen, ...groups.filter((group) => group !== chosen)];
  const clauses = model.clauses.filter((clause) => groups.some((group) => group.clauses.includes(clause.id)));
  return [
    title(one.id),
    paragraph(one.scenario.summary, " ", element("small", {}, sourceLink(one.scenario))),
    ...(label && !clicked ? [element("p", {className: "note"}, `${label} has not played this case.`)] : []),
    element("dl", {}, ...clauses.flatMap(clauseParts)),
    callsTable({steps, groups: ordered}, chosen, on),
    element("dl", {}, ...ordered.flatMap((group) => groupParts(one, group, group === chosen ? on : null))),
    reproducer(one, chosen, on),
  ];
}

function clauseParts(clause) {
  return [element("dt", {}, clauseLink(clause.id)), element("dd", {}, clause.says), element("dd", {}, citations(clause))];
}

function citations({cited}) {
  const made = element("small");
  cited.forEach(([passage, force, url], at) => made.append(at ? "; " : "", webLink(url, passage), ` (${force})`));
  return made;
}

// Verdict of a group, reason, what is declared, command. on: the target that was clicked, if it is in the group.
function groupParts(one, group, on) {
  const columns = on ? [on, ...group.columns.filter((column) => column !== on)] : group.columns;
  const made = [element("dt", {}, on ? "▸ " : "", ...targetLinks(columns), " ", verdictMark(group.verdict))];
  if (group.reason) made.push(element("dd", {}, group.reason));
  for (const {bug, text} of group.declared) {
    const link = model.bugs.some(({id}) => id === bug) ? [viewLink({bug}, bug), ": "] : [];
    made.push(element("dd", {}, "declared: ", ...link, text));
  }
  made.push(element("dd", {}, "again: ", element("code", {}, againCommand(one, columns[0]))));
  return made;
}

// --- a clause

function clauseView(address) {
  const id = address.get("clause"), clause = model.clauses.find((other) => other.id === id);
  if (!clause) return unknown("clause", id);
  const leaves = model.leaves.filter((leaf) => leaf.clause === clause);
  const bugs = model.bugs.filter((bug) => bug.clauses.includes(clause));
  const verdicts = model.columns.map((column) => verdictRow(column, aggregate(leaves, column.at)));
  const scenarios = [...Map.groupBy(leaves, (leaf) => leaf.one.scenario)];
  return [
    title(clause.id), paragraph(clause.says), paragraph(citations(clause)),
    table(["target", "verdict", "cases", "returned"], verdicts, "Verdicts"),
    ...(bugs.length ? section("Departures", bugList(bugs)) : []),
    ...section("Scenarios", longList(scenarios.map(([scenario, held]) => () => [
      viewLink({case: held[0].one.id}, `${scenario.topic}::${scenario.name}`), ` (${held.length}) `, scenario.summary]))),
  ];
}

function verdictRow(column, {verdict, number, total, observed, decisive}) {
  const name = element("th", {scope: "row"}, ...targetLinks([column]));
  const cells = verdict === null ? ["not played", "", ""] : [
    verdictMark(verdict), viewLink({case: decisive.one.id, on: column.label}, `${number}/${total}`),
    observed.map(asReturned).join(", ")];
  return element("tr", {}, name, ...cells.map((content) => element("td", {}, content)));
}

// --- a target

function targetView(address) {
  const label = address.get("target"), column = model.columns.find((other) => other.label === label);
  if (!column) return unknown("target", label);
  const bugs = model.bugs.filter(({platform}) => platform === column.platform);
  const {history, changes, parts} = column;
  return [
    title(column.label), paragraph(bar(parts)),
    paragraph(`${percentText(parts)} of the judged cases conform. ${partsText(parts)}.`),
    factList([["platform", column.platform], ["version", column.version], ["played", column.started]]),
    paragraph(button("Show its departures in the table", () => showDepartures(column))),
    ...(history.length ? section("Earlier runs", paragraph(sparkline(column), ` ${count(history.length, "run")}`)) : []),
    ...Object.entries(changes).flatMap(([kind, numbers]) => section(
      `${kind} since the last run: ${count(numbers.length, "case")}`,
      longList(numbers.map((number) => () => caseLink(model.cases[number], column))))),
    ...section(`${count(bugs.length, "departure")} of ${column.platform}`, bugList(bugs)),
  ];
}

function showDepartures({label}) {
  form.elements.departing.value = label;
  dialog.close();
  filtersChanged();
}

// --- a bug

function bugList(bugs) {
  return longList(bugs.map((bug) => () => [
    viewLink({bug: bug.id}, bug.id), ` (${bug.kind}; ${count(bug.cases.length, "case")}) `, bug.because ?? "undeclared"]));
}

async function bugView(address) {
  const id = address.get("bug"), bug = model.bugs.find((other) => other.id === id);
  if (!bug) return unknown("bug", id);
  const {example, on} = bug, {steps, groups} = await callsOf(example);
  const chosen = groups.find(({columns}) => columns.includes(on));
  const beside = groups.filter((group) => group === chosen || group.columns.some(({name}) => name === "native"));
  return [
    title(bug.id),
    factList([["kind", bug.kind], ["status", bug.status ?? "undeclared"], ["because", bug.because], ["source", bug.source],
      ["reported", bug.reported ? webLink(bug.reported, bug.reported) : "not yet"],
      ["seen on", targetLinks(showing(bug))]]),
    element("dl", {}, ...bug.clauses.flatMap(clauseParts)),
    ...section(caseLink(example, on), callsTable({steps, groups: beside}, chosen, on),
      paragraph("again: ", element("code", {}, againCommand(example, on))),
      paragraph("as a report: ", element("code", {}, findingCommand(bug))), reproducer(example, chosen, on)),
    ...section(count(bug.cases.length, "case"), longList(bug.cases.map((one) => () => caseLink(one, on)))),
  ];
}

// The targets of the bug's platform that depart in one of its cases, from one of its clauses.
function showing(bug) {
  const cases = new Set(bug.cases), clauses = new Set(bug.clauses);
  const leaves = model.leaves.filter((leaf) => cases.has(leaf.one) && clauses.has(leaf.clause));
  const shows = (column) => leaves.some((leaf) => departs(leaf.seen[column.at]));
  return model.columns.filter((column) => column.platform === bug.platform && shows(column));
}

// --- the one that the address names

const SHOW = {case: caseView, clause: clauseView, target: targetView, bug: bugView};

async function showView(address) {
  const kind = VIEWS.find((name) => address.has(name));
  requested = address;
  if (!kind) {
    if (dialog.open) dialog.close();
    return;
  }
  const content = await SHOW[kind](address);
  if (requested !== address) return;
  dialog.replaceChildren(button("Close", () => dialog.close(), {className: "close"}), ...content);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

