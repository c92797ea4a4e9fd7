// --- Parts: what several views are made of -----------------------------------------------------------------------------

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  const {data = {}, aria = {}, ...rest} = properties;
  Object.assign(made, rest);
  Object.assign(made.dataset, data);
  for (const [name, value] of Object.entries(aria)) made.setAttribute(`aria-${name}`, value);
  made.append(...children);
  return made;
}

function button(text, action, properties = {}) {
  const made = element("button", {type: "button", ...properties}, text);
  made.addEventListener("click", action);
  return made;
}

// A link to a view of this page; its address can be copied.
function viewLink(view, text) {
  const made = element("a", {href: fragment(view)}, text);
  made.addEventListener("click", (event) => {
    event.preventDefault();
    go(view);
  });
  return made;
}

// Links to several targets, with commas.
function targetLinks(columns) {
  return columns.flatMap(({label}, at) => [at ? ", " : "", viewLink({target: label}, label)]);
}

const clauseLink = (id) => viewLink({clause: id}, id);
const caseLink = (one, on) => viewLink({case: one.id, ...(on ? {on: on.label} : {})}, one.id);

// A link out of the page; text alone if it is no address of the web.
function webLink(url, text) {
  if (!/^https?:\/\//.test(url)) return document.createTextNode(text);
  return element("a", {href: url, rel: "noreferrer", target: "_blank"}, text);
}

// A scenario's file, at the revision that was played.
function sourceLink({file, line}) {
  const url = model.repository && `${model.repository}/blob/${model.revision}/${file}#L${line}`;
  return webLink(url, `${file}:${line}`);
}

function verdictMark(verdict) {
  return element("span", {className: "mark", data: {verdict}}, `${model.glyphs[verdict] ?? ""} ${verdict}`);
}

function table(headings, rows, label) {
  const made = element("table", {},
    element("thead", {}, element("tr", {}, ...headings.map((text) => element("th", {scope: "col"}, text)))),
    element("tbody", {}, ...rows));
  return element("div", {className: "scroll", tabIndex: 0, role: "region", ariaLabel: label}, made);
}

// Names and values; what is empty is left out.
function factList(facts) {
  return element("dl", {className: "facts"}, ...facts.filter(([, value]) => value?.length !== 0 && value).flatMap(
    ([name, value]) => [element("dt", {}, name), element("dd", {}, ...[value].flat())]));
}

function list(items) {
  return element("ul", {}, ...items.map((item) => element("li", {}, ...[item].flat())));
}

// The first items, and the others when they are asked for.
function longList(items, limit = 12) {
  const made = list(items.slice(0, limit).map((item) => item()));
  if (items.length > limit) {
    const more = button(`${items.length - limit} more`, () => made.replaceWith(list(items.map((item) => item()))));
    made.append(element("li", {}, more));
  }
  return made;
}

// --- bars and sparklines

const PARTS = [["conforms", "conforms"], ["choice", "deviates, as a document leaves it to the platform"],
  ["documented", "deviates, as its manual says"], ["bug", "deviates by a declared bug"], ["fails", "fails"],
  ["not tested", "not tested"]];

function bar(parts) {
  const made = element("span", {className: "bar", role: "img", ariaLabel: partsText(parts)});
  for (const [part] of PARTS) {
    if (!parts[part]) continue;
    const piece = element("span", {data: {part}});
    piece.style.flexGrow = parts[part];
    made.append(piece);
  }
  made.title = partsText(parts);
  return made;
}

function partsText(parts) {
  return PARTS.filter(([part]) => parts[part]).map(([part, says]) => `${says}: ${parts[part]}`).join("; ");
}

function percentText(parts) {
  const share = percent(parts);
  return share === null ? "–" : `${share}%`;
}

// The share that conforms, run by run; the last point is this run.
function sparkline({history, verdicts}) {
  const shares = [...history, {verdicts}].map((run) => conforming(run.verdicts));
  const width = 80, height = 16, edge = 2, low = Math.min(...shares), span = Math.max(...shares) - low || 1;
  const x = (at) => edge + at * (width - 2 * edge) / (shares.length - 1);
  const y = (share) => height - edge - (share - low) / span * (height - 2 * edge);
  const says = shares.map((share) => `${(100 * share).toFixed(1)}%`).join(", ");
  const line = svg("polyline", {points: shares.map((share, at) => `${x(at).toFixed(1)},${y(share).toFixed(1)}`).join(" ")});
  return svg("svg", {width, height, class: "sparkline", role: "img", "aria-label": `conforming: ${says}`}, line);
}

function svg(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function conforming({conforms = 0, ...others}) {
  let judged = conforms;
  for (const [verdict, number] of Object.entries(others)) if (DEPARTS.has(verdict)) judged += number;
  return judged ? conforms / judged : 0;
}

function changesText({changes}) {
  return Object.entries(changes).map(([kind, cases]) => `${cases.length} ${kind}`).join(", ");
}

// --- the calls of a case

// A column for each group that made a call; the chosen target first. Calls of fixtures are folded.
function callsTable({steps, groups}, chosen, on) {
  const played = groups.filter((group) => group === chosen || group.observed.some(Boolean));
  const headings = played.map((group) => group === chosen ? `▸ ${groupName(group, on)}` : groupName(group));
  const rows = steps.map((step, at) => stepRow(step, at, played, chosen));
  const made = table(["#", "call", "expected", ...headings], rows, "Calls");
  [...made.querySelectorAll("th")].slice(3).forEach((heading, at) => {
    heading.title = played[at].columns.map(({label}) => label).join(", ");
    heading.classList.toggle("chosen", played[at] === chosen);
  });
  made.classList.add("calls", "folded");
  const folded = steps.filter(({line}) => !line).length;
  if (folded) made.prepend(button(`Show ${count(folded, "call")} of fixtures`, ({target}) => {
    made.classList.remove("folded");
    target.remove();
  }));
  return made;
}

// The first three targets of a group, the one in question before all, and how many more it has.
function groupName({columns}, on) {
  const labels = [...new Set([on?.label ?? columns[0].label, ...columns.map(({label}) => label)])];
  return labels.slice(0, 3).join(", ") + (labels.length > 3 ? ` and ${labels.length - 3} more` : "");
}

const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

function stepRow(step, at, groups, chosen) {
  const expected = step.expected.map(({clause, allowed}) => element("div", {title: clause},
    step.expected.length > 1 ? `${clause}: ${allowed}` : allowed));
  const cells = groups.map((group) => {
    const {outcome, verdicts} = group.observed[at] || {outcome: "", verdicts: []};
    const words = verdicts.filter((verdict) => verdict && verdict !== "conforms");
    return element("td", {className: group === chosen ? "chosen" : "", data: verdicts[0] ? {verdict: verdicts[0]} : {}},
      outcome, ...words.flatMap((verdict) => [" ", `${model.glyphs[verdict]} ${verdict}`]));
  });
  return element("tr", {className: step.line ? "" : "of-fixture"}, element("td", {}, String(at + 1)),
    element("td", {}, step.given ? `given ${step.given}: ` : "", step.text), element("td", {}, ...expected), ...cells);
}

// The C program of a group, fetched when it is opened.
function reproducer(one, group, on) {
  const made = element("details", {className: "program"},
    element("summary", {}, `C reproducer: the calls of ${on.label}, with the clauses as checks`));
  const fill = async () => made.append(...programParts(one, on, await programOf(one, group)));
  made.addEventListener("toggle", fill, {once: true});
  return made;
}

function programParts(one, on, program) {
  const command = element("p", {}, "By itself: ", element("code", {}, reproduceCommand(one, on)));
  if (program === undefined) return [element("p", {}, "This page holds the programs of departures."), command];
  const source = element("pre", {tabIndex: 0, ariaLabel: "C program", role: "region"}, program.text);
  const whose = element("p", {}, `Of ${program.of.id}, which differs in its variant only.`);
  const other = program.of === one ? [] : [whose, command];
  return [...other, button("Copy", () => copy(source)), source];
}

function copy(source) {
  getSelection().selectAllChildren(source);
  document.execCommand("copy"); // a page from a file is no secure context, which navigator.clipboard asks for
}

// --- commands, quoted as Python's shlex.quote does

const quoted = (text) => /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;

function againCommand({id}, {name, file}) {
  const [path, scenario] = id.split("::", 2);
  const ofTest = `${path}::test_${scenario.split("[")[0].replaceAll("-", "_")}`; // of a drawn case
  const ofCase = id.endsWith("]") ? `${id.slice(0, -1)}-${name}]` : `${id}[${name}]`;
  const targets = file ? ` ${quoted(`--targets=${file}`)}` : "";
  return `pytest ${quoted(path.endsWith(".py") ? ofTest : ofCase)} --target ${quoted(name)}${targets}`;
}

function findingCommand({name, on}) {
  return `python -m reports findings ${quoted(model.file)} --bug ${quoted(name)} --target ${quoted(on.label)}`;
}

function reproduceCommand({id}, {label}) {
  return `python -m reports reproduce ${quoted(model.file)} ${quoted(id)} --target ${quoted(label)}`;
}

