"use strict";
// Text from targets enters the page by textContent alone: nothing in it is ever markup.

// --- Packs: JSON, deflated, in base64; each is inflated once, when it is first needed ---------------------------------

const inflated = new Map(); // name -> the promise of its content

function pack(name) {
  if (!inflated.has(name)) inflated.set(name, inflate(name));
  return inflated.get(name);
}

async function inflate(name) {
  if (name !== "index" && document.readyState === "loading") {
    await new Promise((done) => document.addEventListener("DOMContentLoaded", done, {once: true}));
  }
  const text = document.querySelector(`script[data-pack="${name}"]`).textContent;
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
}

// The calls of a case: {steps: [{text, given, line, expected}], groups: [{columns, verdict, reason, clauses, declared,
// observed}]}. A group is the targets that did the same; observed has an item for each step, null where it was not made.
async function callsOf(one) {
  const {texts, cases} = await pack(String(one.scenario.chunk));
  const {steps, groups} = cases[one.number];
  const expectedOf = (pairs) => pairs.map(([clause, allowed]) => ({clause: texts[clause], allowed: texts[allowed]}));
  return {
    steps: steps.map(([text, given, line, expected]) => (
      {text: texts[text], given: texts[given], line, expected: expectedOf(expected)})),
    groups: groups.map(([columns, verdict, reason, clauses, declared, observed]) => ({
      columns: columns.map((at) => model.columns[at]), verdict: texts[verdict], reason: texts[reason],
      clauses: clauses.map((clause) => texts[clause]),
      declared: declared.map(([bug, text]) => ({bug: texts[bug], text: texts[text]})),
      observed: observed.map((seen) => seen && {outcome: texts[seen[0]], verdicts: seen.slice(1).map((at) => texts[at])}),
    })),
  };
}

// {of, text}: the C program of the targets of a group, of this case or of the first of its scenario in which the same
// targets depart; undefined if they depart from nothing, or it cannot be written in C.
async function programOf({scenario}, {columns}) {
  const {lines, programs} = await pack("programs");
  const found = programs[`${scenario.file}::${scenario.name}`]?.[columns.map(({at}) => at)];
  return found && {of: model.cases[found[0]], text: found[1].map((line) => lines[line]).join("\n")};
}

