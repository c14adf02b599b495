/**
 * `dinomo top`: what an open store does, second by second.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { LiveClient } from "../live/live_client.ts";
import { epochMs, monotonicMs, sleep } from "../platform/runtime.ts";
import type { StoreStats } from "../store/figures/stats.ts";
import type { Command } from "./command.ts";
import { ExitCode } from "./exit_codes.ts";
import { whileHostIsOpen, withHost } from "./pool_reader.ts";
import { printLine, type Terminal } from "./terminal.ts";
import { type Look, topFigures } from "./top_figures.ts";
import { topLine, topTable } from "./top_text.ts";

/** Time between two looks at the store. */
const INTERVAL_MS = 1000;

/** The command. */
export const topCommand: Command = {
  name: "top",
  summary: "shows what an open store does: operations, latencies, KNs",
  details:
    `Shows operations per second, latencies of writes, hits, segments, and each KN's occupancy,
once a second: a table on a terminal, and a line of name=value anywhere else. The segments
in a line are free/open/sealed/cleaning. Latencies and occupancies are known if the store
was opened with the option statistics.

The process must have the pool open with the option inspect or processes. Ends with exit
code 0 when that closes the store, unless it was to look once, with 3 when it is killed, or
by Ctrl-C.`,
  rules: {
    once: { help: "look for one second, print that, and end" },
    json: { help: "print JSON objects, one on each line" },
  },
  run: ({ path, options }, terminal) => {
    const isOnce = options.has("once");
    const show = async (host: LiveClient) => {
      const isJson = options.has("json");
      const { runtime, pid, path: directory } = host.description;
      const title = `${directory}   ${runtime}, process ${pid}`;
      let drawnLines = 0;
      let earlier = await look(host);
      do {
        await sleep(INTERVAL_MS);
        const later = await look(host);
        const figures = topFigures(earlier, later, epochMs());
        earlier = later;
        if (isJson) printLine(terminal, JSON.stringify(figures));
        else if (!terminal.isOutputInteractive) printLine(terminal, topLine(figures));
        else drawnLines = draw(terminal, topTable(figures, title), drawnLines);
      } while (!isOnce);
      return ExitCode.FINE;
    };
    return isOnce ? withHost(path, show) : whileHostIsOpen(path, terminal, show);
  },
};

async function look(host: LiveClient): Promise<Look> {
  const stats = await host.askOnce({ op: "stats" }) as StoreStats;
  return { ms: monotonicMs(), stats };
}

/** Draws lines over those that were drawn before; returns how many there are now. */
function draw(terminal: Terminal, lines: readonly string[], drawnLines: number): number {
  const { columns, rows } = terminal.outputSize();
  // A line that wraps, or scrolls, could not be drawn over.
  const shown = lines.slice(0, rows - 1).map((line) => line.slice(0, columns));
  const up = drawnLines === 0 ? "" : `\x1b[${drawnLines}A`;
  terminal.write(Buffer.from(`${up}\r\x1b[J${shown.map((line) => `${line}\n`).join("")}`));
  return shown.length;
}
