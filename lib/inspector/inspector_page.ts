/**
 * The inspector's page: one document, which loads nothing.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { PAGE_SCRIPT } from "./page_script.ts";
import { PAGE_STYLE } from "./page_style.ts";

const hashOf = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** Lets the page run its own script and style, ask its own server, and nothing else. */
export const PAGE_POLICY: string = [
  "default-src 'none'",
  `script-src ${hashOf(PAGE_SCRIPT)}`,
  `style-src ${hashOf(PAGE_STYLE)}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** The document. */
export const INSPECTOR_PAGE: string = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Dinomo</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<header><h1>Dinomo</h1><span id="state"></span><span id="message" role="alert"></span></header>
<main>
<section><div id="tiles"></div></section>
<section class="half"><h2>Operations a second</h2>
<canvas id="operations"></canvas>
<div class="legend"><span><span class="swatch reads"></span>reads</span>
<span><span class="swatch writes"></span>writes</span></div></section>
<section class="half"><h2 id="chart">Latency of writes, microseconds</h2>
<canvas id="latency"></canvas>
<div class="legend" id="lines"><span><span class="swatch reads"></span>mean</span>
<span><span class="swatch writes"></span>99 % keep to it</span>
<span id="measured"></span></div></section>
<section class="third"><h2 id="owned">4,096 slots by the KN that owns them</h2>
<canvas id="slots"></canvas></section>
<section class="rest"><h2 id="members">KNs: the threads that write</h2>
<table><thead><tr id="columns"><th>KN</th><th>slots</th><th>requests a second</th><th>busy</th></tr></thead>
<tbody id="nodes"></tbody></table>
<p id="scaling" hidden><label>Scale to <output id="counted"></output>
<input id="count" type="range" min="1" max="1" step="1"></label>
<span id="refused" role="alert"></span></p>
<div id="log"><h2 class="later">Segments of the log</h2>
<canvas id="segments"></canvas><div class="legend" id="states"></div></div></section>
<section><h2>Keys</h2>
<form id="search"><label>that begin with <input id="prefix" autocomplete="off"></label>
<button>Find</button> <span id="found" class="legend"></span></form>
<div id="browser"><ul id="keys"></ul><div><span id="about" class="legend"></span>
<pre id="value"></pre></div></div></section>
</main>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;
