// --- Address: filters and the open view are in the fragment, so that a link can be shared -------------------------------

const FIELDS = ["text", "errno", "topic", "verdict", "departing", "sort"];
const CHECKS = ["disagree", "alone", "changed"];
const VIEWS = ["case", "clause", "target", "bug"];

const form = document.getElementById("filters");
const hidden = new Set(); // labels of the columns that are not shown

function filters() {
  const fields = new FormData(form);
  return {...Object.fromEntries(FIELDS.map((name) => [name, (fields.get(name) ?? "").trim()])),
    ...Object.fromEntries(CHECKS.map((name) => [name, fields.has(name)]))};
}

function fragment(view = {}) {
  const address = new URLSearchParams();
  for (const [name, value] of Object.entries(filters())) if (value) address.set(name, value === true ? "1" : value);
  for (const label of hidden) address.append("hide", label);
  for (const [name, value] of Object.entries(view)) address.set(name, value);
  return `#${address}`;
}

// Show a view: a step that the browser's Back takes back.
function go(view) {
  history.pushState(null, "", fragment(view));
  route();
}

function readFilters(address) {
  for (const name of FIELDS) form.elements[name].value = address.get(name) ?? "";
  for (const name of CHECKS) form.elements[name].checked = address.has(name);
  hidden.clear();
  for (const label of address.getAll("hide")) hidden.add(label);
}

// Whether a leaf passes the filters; with a target, what is asked of any target is asked of that one.
function matches(leaf, wanted) {
  const columns = wanted.departing ? model.columns.filter((column) => column.label === wanted.departing) : model.columns;
  const some = (holds) => columns.some((column) => holds(leaf.seen[column.at], column));
  const {scenario} = leaf.one;
  return (!wanted.disagree || leaf.disagrees) && (!wanted.alone || (leaf.alone && some(departs)))
    && (!wanted.changed || some((_, column) => column.changed.has(leaf.one)))
    && (!wanted.verdict || some((seen) => seen?.verdict === wanted.verdict))
    && (!wanted.departing || wanted.verdict || some(departs))
    && (!wanted.errno || leaf.clause.errno === wanted.errno || some((seen) => seen?.observed === wanted.errno))
    && (!wanted.topic || scenario.topic === wanted.topic || scenario.topic.startsWith(`${wanted.topic}/`))
    && wanted.text.toLowerCase().split(/\s+/).every((word) => (
      scenario.text.includes(word) || leaf.clause.text.includes(word) || leaf.one.id.toLowerCase().includes(word)));
}

