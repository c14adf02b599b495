/**
 * The source maps of the published package: small, and named by no module.
 *
 * Bun finds the map beside a module by itself, when it prints a stack. Deno would read the ones
 * that modules name at each start, which takes it 5 to 20 ms; so none is named. A map leads to the
 * lines of the sources: it has neither their columns, nor their texts, nor names of variables, all
 * of which would make it ten times as long.
 *
 * @module
 */
import { decode, encode, type SourceMapSegment } from "@jridgewell/sourcemap-codec";

/** A source map, version 3. */
interface SourceMap {
  readonly sources: readonly string[];
  readonly mappings: string;
}

/** Takes out of a map what is not published. */
export function shrinkMap(text: string): string {
  const { sources, mappings } = JSON.parse(text) as SourceMap;
  // Without contents Bun takes no map.
  const sourcesContent = sources.map(() => "");
  const lines = encode(decode(mappings).map(withoutColumns));
  return JSON.stringify({ version: 3, sources, sourcesContent, names: [], mappings: lines });
}

/** Of the segments of a line, those with which another line of the sources begins. */
function withoutColumns(segments: readonly SourceMapSegment[]): SourceMapSegment[] {
  const kept: SourceMapSegment[] = [];
  let [source, line] = [-1, -1];
  for (const [column, nextSource, nextLine] of segments) {
    if (nextSource === undefined || (nextSource === source && nextLine === line)) continue;
    [source, line] = [nextSource, nextLine!];
    kept.push([column, source, line, 0]);
  }
  return kept;
}
