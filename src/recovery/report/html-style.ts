// The style of HTML reports: one column, system fonts, light and dark, and plain ink on paper.

/** Inlined into the file. */
export const STYLE = `
:root {
  --ink: #1c2230; --soft: #5b6475; --line: #dde1e8; --ground: #f5f6f8; --sheet: #ffffff;
  --accent: #2f5fd0; --good: #17734a; --good-ground: #e7f5ee; --bad: #ae2626; --bad-ground: #fdeceb;
  --open: #7a5a00; --open-ground: #fdf5dc;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e9ef; --soft: #98a2b5; --line: #323a49; --ground: #12161e; --sheet: #1a202b;
    --accent: #7ea2ff; --good: #67d3a0; --good-ground: #16302a; --bad: #ff9a94; --bad-ground: #3a1f22;
    --open: #ecc75f; --open-ground: #33290f;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 2rem 1rem; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main {
  max-width: 52rem; margin: 0 auto; padding: 2.5rem 3rem 2rem; background: var(--sheet);
  border: 1px solid var(--line); border-radius: 10px;
}
header { border-bottom: 2px solid var(--ink); padding-bottom: 1rem; margin-bottom: 1.5rem; }
header p { margin: .35rem 0 0; color: var(--soft); }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .7rem; padding-top: .2rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p { margin: .6rem 0; }
dl { margin: .6rem 0; border-top: 1px solid var(--line); }
dl div {
  display: grid; grid-template-columns: 14rem 1fr; gap: 1rem; padding: .4rem 0; border-bottom: 1px solid var(--line);
}
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; margin: .6rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .6rem .4rem 0; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--soft); font-weight: 600; font-size: .88rem; }
.n { text-align: right; white-space: nowrap; padding-right: .6rem; }
.durations th { font-weight: 400; width: 14rem; }
.durations .n { width: 8rem; padding-right: 1rem; }
.durations tfoot th, .durations tfoot td { font-weight: 700; border-bottom: 0; border-top: 2px solid var(--ink); }
.track { vertical-align: middle; }
.bar {
  display: block; height: .7rem; min-width: 2px; border-radius: 3px; background: var(--accent);
  print-color-adjust: exact; -webkit-print-color-adjust: exact;
}
.verdict {
  display: flex; flex-direction: column; gap: .15rem; margin: .8rem 0; padding: .8rem 1rem;
  border-left: 5px solid; border-radius: 5px; print-color-adjust: exact; -webkit-print-color-adjust: exact;
}
.verdict span { color: var(--ink); }
.good { border-color: var(--good); background: var(--good-ground); color: var(--good); }
.bad { border-color: var(--bad); background: var(--bad-ground); color: var(--bad); }
.open { border-color: var(--open); background: var(--open-ground); color: var(--open); }
ul { padding-left: 1.2rem; margin: .5rem 0; }
li { margin: .3rem 0; }
.tasks { list-style: none; padding: 0; }
.tasks li { display: flex; gap: .6rem; align-items: flex-start; }
.box {
  flex: none; width: 1.05rem; height: 1.05rem; margin-top: .25rem; border: 1.5px solid var(--soft); border-radius: 3px;
  font-size: .8rem; line-height: .95rem; text-align: center;
}
.done { border-color: var(--good); color: var(--good); }
small { color: var(--soft); font-size: .88em; }
pre {
  margin: .6rem 0; padding: .8rem 1rem; border: 1px solid var(--line); border-radius: 5px; background: var(--ground);
  font: .8rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere;
}
footer { margin-top: 2.5rem; padding-top: .8rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .88rem; }
@media (max-width: 40rem) {
  main { padding: 1.5rem 1.2rem; }
  dl div { grid-template-columns: 1fr; gap: 0; }
  .durations th { width: auto; }
  .durations .track { display: none; }
}
@media print {
  :root {
    --ink: #000; --soft: #444; --line: #bbb; --ground: #fff; --sheet: #fff; --accent: #555;
    --good: #000; --bad: #000; --open: #000; --good-ground: #fff; --bad-ground: #fff; --open-ground: #fff;
  }
  body { padding: 0; font-size: 10.5pt; }
  main { border: 0; padding: 0; max-width: none; }
  h2, h3 { break-after: avoid; }
  table, .verdict, dl div, li { break-inside: avoid; }
}
`;
