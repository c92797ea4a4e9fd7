// --- Start ------------------------------------------------------------------------------------------------------------

// What the address says: filters, then a view.
function route() {
  const address = new URLSearchParams(location.hash.slice(1));
  readFilters(address);
  for (const box of document.querySelectorAll("#columns input")) box.checked = !hidden.has(box.value);
  render();
  return showView(address);
}

function filtersChanged() {
  history.replaceState(null, "", fragment());
  render();
}

function fillForm() {
  form.elements.errno.append(...model.errnos.map((errno) => new Option(errno)));
  form.elements.departing.append(...model.columns.map(({label}) => new Option(label)));
  form.elements.changed.closest("label").hidden = !model.columns.some(({changed}) => changed.size);
  for (const {label} of model.columns) {
    const box = element("input", {type: "checkbox", value: label});
    box.addEventListener("input", () => {
      if (box.checked) hidden.delete(label);
      else hidden.add(label);
    });
    document.getElementById("columns").append(element("label", {}, box, ` ${label}`));
  }
}

function showTargets() {
  const withHistory = model.columns.some(({history}) => history.length);
  const headings = ["target", "platform", "version", "played", "conforms", "share"];
  if (withHistory) headings.push("earlier", "new");
  const rows = model.columns.map((column) => {
    const {platform, version, started, parts, history} = column;
    const cells = [platform, version, started.slice(0, 10), percentText(parts), bar(parts)];
    if (withHistory) cells.push(history.length ? sparkline(column) : "", changesText(column));
    return element("tr", {}, element("th", {scope: "row"}, ...targetLinks([column])),
      ...cells.map((content) => element("td", {}, content)));
  });
  document.getElementById("targets").append(table(headings, rows, "Targets"));
}

function showBugs() {
  for (const [platform, bugs] of Map.groupBy(model.bugs, (bug) => bug.platform)) {
    const summary = element("summary", {}, `${platform}: ${count(bugs.length, "departure")}`);
    document.getElementById("bugs").append(element("details", {}, summary, bugList(bugs)));
  }
}

async function start() {
  model = modelOf(await pack("index"));
  fillForm();
  keepHeader();
  matrix.addEventListener("keydown", move);
  form.addEventListener("input", filtersChanged);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => {
    hidden.clear();
    filtersChanged();
  }));
  dialog.addEventListener("close", () => history.replaceState(null, "", fragment()));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || dialog.open || /^(INPUT|SELECT)$/.test(event.target.tagName)) return;
    event.preventDefault();
    form.elements.text.focus();
  });
  window.addEventListener("popstate", route);
  await route();
  document.documentElement.dataset.ready = "yes";
  requestAnimationFrame(() => setTimeout(() => {
    showTargets();
    showBugs();
  }));
}

start();
