/**
 * The style of the inspector's page: light or dark, as the system is, narrow or wide.
 *
 * @module
 */

/** A style sheet. */
export const PAGE_STYLE = `
:root { color-scheme: light dark;
  --ground: #f6f7f9; --panel: #ffffff; --line: #dfe3e8; --ink: #1d2530; --soft: #5d6b7a;
  --reads: #2369d6; --writes: #d9622b; --third: #8a8f98; --good: #1c8a4d; --bad: #c23030; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #12161c; --panel: #1a2029; --line: #2c3541; --ink: #e4e9ef; --soft: #94a2b1;
  --reads: #6aa5ff; --writes: #ff9a63; --third: #7d8794; --good: #54c88a; --bad: #ff7b7b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 14px/1.45 system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
header { display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: baseline;
  padding: 14px 20px 0; }
h1 { font-size: 18px; margin: 0; }
h2 { font-size: 13px; margin: 0 0 8px; color: var(--soft); font-weight: 600; }
main { display: grid; gap: 12px; padding: 12px 20px 20px; grid-template-columns: repeat(12, 1fr); }
section { background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
  padding: 12px 14px; min-width: 0; grid-column: span 12; }
#tiles { display: grid; gap: 10px; grid-template-columns: repeat(auto-fit, minmax(112px, 1fr)); }
.tile b { display: block; font-size: 21px; font-weight: 600; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
.tile span { color: var(--soft); font-size: 12px; }
canvas { display: block; width: 100%; }
#slots { aspect-ratio: 1; image-rendering: pixelated; border-radius: 4px; max-width: 420px;
  margin: 0 auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 3px 6px; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 500; font-size: 12px; }
th:first-child, td:first-child { text-align: left; white-space: nowrap; }
.swatch { display: inline-block; width: 10px; height: 10px; border-radius: 3px;
  margin-right: 6px; }
.swatch.reads { background: var(--reads); } .swatch.writes { background: var(--writes); }
.later { margin-top: 14px; }
.legend { color: var(--soft); font-size: 12px; display: flex; flex-wrap: wrap; gap: 2px 14px;
  margin-top: 6px; }
.bar { display: inline-block; width: 60px; height: 8px; background: var(--line);
  border-radius: 4px; overflow: hidden; vertical-align: middle; margin-left: 6px; }
.bar i { display: block; height: 100%; background: var(--reads); }
small { color: var(--soft); font-size: 12px; }
.address { display: block; padding-left: 16px; }
label { color: var(--soft); }
input, button { font: inherit; color: inherit; background: var(--ground);
  border: 1px solid var(--line); border-radius: 6px; padding: 4px 8px; }
input[type=range] { padding: 0; vertical-align: middle; width: 180px; max-width: 60%; }
button { cursor: pointer; }
#search .legend { display: inline; margin-left: 6px; }
#keys { list-style: none; margin: 8px 0 0; padding: 0; max-height: 300px; overflow: auto; }
#keys button { border: 0; background: none; padding: 2px 6px; width: 100%; text-align: left;
  font-family: ui-monospace, "Liberation Mono", monospace; font-size: 13px;
  overflow-wrap: anywhere; }
#keys button:hover, #keys button[aria-current=true] { background: var(--ground); }
pre { margin: 8px 0 0; padding: 10px; background: var(--ground); border-radius: 6px;
  overflow: auto; max-height: 300px; white-space: pre-wrap; overflow-wrap: anywhere;
  font: 13px/1.4 ui-monospace, "Liberation Mono", monospace; }
#message, #refused { color: var(--bad); }
#state { color: var(--soft); }
@media (max-width: 899px) { .wide { display: none; } }
@media (min-width: 900px) {
  .half { grid-column: span 6; } .third { grid-column: span 4; } .rest { grid-column: span 8; }
  #browser { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1.4fr);
    gap: 14px; } }
`;
