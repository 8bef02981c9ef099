"use strict";
// Filters and sorts the rows that are on the page; all of them are there without it.
(() => {
  const tables = [...document.querySelectorAll("table.sortable")];
  const bodies = tables.flatMap((table) => [...table.tBodies].map((element) => ({
    table,
    element,
    title: (element.querySelector("tr.group bdi")?.textContent ?? "").toLowerCase(),
    id: (element.querySelector("tr.group .id")?.textContent ?? "").toLowerCase(),
    entries: [...element.rows].filter((row) => !row.classList.contains("group")).map((row, place) => ({ row, place })),
  })));
  const total = bodies.reduce((sum, body) => sum + body.entries.length, 0);
  const tools = document.querySelector(".tools");
  const filter = document.querySelector("#filter");
  const output = document.querySelector("#shown");
  const all = document.querySelector("#all");
  const MAX_ROWS = 1000; // of each table, until the reader asks for all: browsers take seconds to lay out more
  let limit = MAX_ROWS;

  function matches(entry, words) {
    entry.text ??= [...entry.row.cells].map((cell) => cell.textContent).join("\n").toLowerCase();
    return words.every((word) => entry.text.includes(word));
  }

  function apply() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = new Map(tables.map((table) => [table, 0]));
    let found = 0;
    for (const { table, element, title, id, entries } of bodies) {
      const open = words.filter((word) => !title.includes(word) && id !== word);
      const before = shown.get(table);
      let count = before;
      for (const entry of entries) {
        const fits = !open.length || matches(entry, open);
        const visible = fits && count < limit;
        if (entry.row.hidden === visible) entry.row.hidden = !visible;
        found += fits ? 1 : 0;
        count += visible ? 1 : 0;
      }
      element.hidden = count === before;
      shown.set(table, count);
    }
    report(words, found, [...shown.values()].reduce((sum, count) => sum + count, 0));
  }

  function report(words, found, shown) {
    const format = (number) => number.toLocaleString("en");
    const texts = [words.length ? `${format(found)} of ${format(total)} rows match` : `${format(total)} rows`];
    if (shown < found) texts.push(`${format(shown)} are shown`);
    output.textContent = texts.join(", ");
    tools.classList.toggle("active", words.length > 0);
    all.hidden = shown === found;
  }

  function showUpTo(rows) {
    if (limit === rows) return;
    limit = rows;
    apply();
  }

  function keyOf(row, index) {
    const cell = row.cells[index];
    return cell.dataset.sort ?? cell.textContent;
  }

  const ORDERS = { none: "ascending", ascending: "descending", descending: "none" };

  function sort(table, index, header) {
    const order = ORDERS[header.getAttribute("aria-sort") ?? "none"];
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    if (order !== "none") header.setAttribute("aria-sort", order);
    const { compare } = new Intl.Collator(undefined, { numeric: true });
    const sign = order === "descending" ? -1 : 1;
    for (const body of bodies.filter((each) => each.table === table)) {
      for (const entry of body.entries) entry.key = order === "none" ? "" : keyOf(entry.row, index);
      // Empty cells come last in both directions. Equal keys keep the order of the page.
      body.entries.sort((one, other) => !one.key - !other.key || sign * compare(one.key, other.key) || one.place - other.place);
      const sorted = document.createDocumentFragment();
      for (const { row } of body.entries) sorted.append(row);
      body.element.append(sorted);
    }
    apply();
  }

  for (const table of tables) {
    [...table.tHead.rows[0].cells].forEach((header, index) => {
      const button = document.createElement("span"); // with a real button, Chromium prints a header on the first page only
      button.role = "button";
      button.tabIndex = 0;
      button.textContent = header.textContent;
      button.addEventListener("click", () => sort(table, index, header));
      button.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        sort(table, index, header);
      });
      header.replaceChildren(button);
    });
  }
  document.documentElement.classList.add("scripted");
  if (total > 1) {
    filter.addEventListener("input", apply);
    all.addEventListener("click", () => showUpTo(Infinity));
    let before = limit;
    addEventListener("beforeprint", () => {
      before = limit;
      showUpTo(Infinity); // paper has every row that the filter finds
    });
    addEventListener("afterprint", () => showUpTo(before));
    tools.hidden = false;
    apply();
  }
})();
