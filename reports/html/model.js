// --- Model: the index as objects that refer to each other ---------------------------------------------------------------

let model = null;

const DEPARTS = new Set(["crashed", "fails", "stale", "unresolved", "drifted", "deviates"]);
const departs = (seen) => seen !== null && DEPARTS.has(seen.verdict);
const isTested = (seen) => seen !== null && seen.verdict !== "unsupported";

function modelOf(data) {
  const {verdicts, glyphs, columns, clauses, scenarios, bugs, documents} = data;
  columns.forEach((column, at) => { column.at = at; });
  const outcomes = data.outcomes.map((outcome) => outcome && {verdict: outcome[0], observed: outcome[1]});
  const patterns = data.patterns.map((numbers) => patternOf(numbers.map((number) => outcomes[number])));
  for (const scenario of scenarios) {
    scenario.topic = scenario.file.replace(/^suites\//, "").replace(/\.[^./]*$/, "");
    scenario.text = [scenario.topic, scenario.name, scenario.summary, ...scenario.calls].join("\n").toLowerCase();
  }
  const cases = data.cases.map(([scenario, variant], number) => caseOf(scenarios[scenario], variant, number));
  for (const clause of clauses) clause.text = `${clause.id}\n${clause.says}`.toLowerCase();
  const leaves = data.leaves.map(([clause, number, pattern]) => (
    {clause: clauses[clause], one: cases[number], ...patterns[pattern]}));
  for (const bug of bugs) linkBug(bug, clauses, cases, columns);
  for (const column of columns) {
    column.changed = new Set(Object.values(column.changes).flat().map((number) => cases[number]));
  }
  const errnos = [...clauses.map(({errno}) => errno), ...outcomes.map((outcome) => outcome?.observed)];
  return {glyphs, columns, clauses, cases, bugs, leaves, rows: rowsOf(leaves, documents),
    every: data.every, repository: data.repository, revision: data.revision, file: data.file,
    errnos: [...new Set(errnos)].filter((text) => /^E[A-Z0-9]+$/.test(text)).sort(),
    rank: new Map(verdicts.map((verdict, at) => [verdict, at]))};
}

// seen: the outcome in each column. disagrees: two targets differ. alone: one target departs where others do not.
function patternOf(seen) {
  const tested = seen.filter(isTested);
  return {seen, disagrees: new Set(tested.map((one) => `${one.verdict} ${one.observed}`)).size > 1,
    alone: tested.length > 1 && tested.filter(departs).length === 1};
}

function caseOf(scenario, variant, number) {
  const id = `${scenario.file}::${scenario.name}${variant ? `[${variant}]` : ""}`;
  return {scenario, variant, number, id, text: variant.toLowerCase()};
}

function linkBug(bug, clauses, cases, columns) {
  bug.id = `${bug.platform}/${bug.name}`;
  bug.clause = clauses[bug.clause];
  bug.clauses = bug.clauses.map((at) => clauses[at]);
  bug.cases = bug.cases.map((number) => cases[number]);
  bug.example = cases[bug.example];
  bug.on = columns[bug.on];
}

// The rows of the table: the errors of the document under test, its topics, then every other document.
function rowsOf(leaves, documents) {
  const order = (document) => documents.includes(document) ? documents.indexOf(document) : documents.length;
  const rank = ({document, errno, row}) => [order(document), row.includes(".") && errno ? 0 : 1];
  const groups = [...Map.groupBy(leaves, (leaf) => leaf.clause.row)].map(([key, held]) => {
    const clauses = [...new Set(held.map((leaf) => leaf.clause))];
    return {key, title: clauses[0].title, rank: rank(clauses[0]), leaves: held, clauses};
  });
  groups.sort((a, b) => a.rank[0] - b.rank[0] || a.rank[1] - b.rank[1]);
  groups.forEach((row, at) => { row.begins = at > 0 && String(row.rank) !== String(groups[at - 1].rank); });
  return groups;
}

// The worst verdict of several leaves on a target, how many have it, what was seen in those, and the first of them.
function aggregate(leaves, at) {
  let total = 0, departing = 0, number = 0, verdict = null, decisive = null, observed = new Set();
  for (const leaf of leaves) {
    const seen = leaf.seen[at];
    if (seen === null) continue;
    total += 1;
    if (departs(seen)) departing += 1;
    if (verdict === null || model.rank.get(seen.verdict) < model.rank.get(verdict)) {
      [verdict, number, decisive, observed] = [seen.verdict, 0, leaf, new Set()];
    }
    if (seen.verdict === verdict) {
      number += 1;
      if (seen.observed) observed.add(seen.observed);
    }
  }
  return {verdict, number, total, departing, decisive, observed: [...observed]};
}

// The share of the judged cases of a target that conform, in per cent; 0 and 100 only for none and all.
function percent(parts) {
  const conforms = parts.conforms ?? 0;
  const judged = ["bug", "documented", "choice", "fails"].reduce((sum, part) => sum + (parts[part] ?? 0), conforms);
  if (judged === 0) return null;
  if (conforms === 0 || conforms === judged) return conforms ? 100 : 0;
  return Math.min(99, Math.max(1, Math.round(100 * conforms / judged)));
}

