"use strict";
// Filters and sorts the rows that are on the page; all of them are there without it.
const tools = document.querySelector(".tools");
const filter = document.querySelector("#filter");
const shown = document.querySelector("#shown");
const tables = [...document.querySelectorAll("table.changes")];
const bodies = tables.flatMap((table) => [...table.tBodies]);
const rowsOf = (body) => [...body.rows].filter((row) => !row.classList.contains("group"));
const texts = new Map(bodies.flatMap(rowsOf).map((row) => [row, row.textContent.toLowerCase()]));
const total = texts.size;

function apply() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const body of bodies) {
    const group = body.dataset.group.toLowerCase();
    let any = false;
    for (const row of rowsOf(body)) {
      const text = texts.get(row);
      row.hidden = !words.every((word) => text.includes(word) || group.includes(word));
      any = any || !row.hidden;
      count += row.hidden ? 0 : 1;
    }
    body.hidden = !any;
  }
  shown.textContent = `${count} of ${total} shown`;
}

function sort(table, index, header) {
  const falling = header.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", falling ? "descending" : "ascending");
  const compare = new Intl.Collator(undefined, { numeric: true }).compare;
  for (const body of table.tBodies) {
    const keyed = rowsOf(body).map((row) => [row.cells[index].textContent, row]);
    keyed.sort(([one], [other]) => (falling ? compare(other, one) : compare(one, other)));
    body.append(...keyed.map(([, row]) => row));
  }
}

for (const table of tables) {
  [...table.tHead.rows[0].cells].forEach((header, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    button.addEventListener("click", () => sort(table, index, header));
    header.replaceChildren(button);
  });
}
filter.addEventListener("input", apply);
tools.hidden = false;
apply();
