/**
 * The source maps of the published package: small, and named by no module.
 *
 * Bun finds the map beside a module by itself, when it prints a stack. Deno would read the ones that
 * modules name at each start, which takes it 5 to 20 ms; so none is named. A map has places and the
 * names of files, and neither the sources, which would be more than all the rest, nor names of
 * variables, which stacks do not show.
 *
 * @module
 */

/** A source map, version 3. */
interface SourceMap {
  readonly sources: readonly string[];
  readonly mappings: string;
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/** Set in all digits of a number but the last one. */
const CONTINUES = 32;
/** Numbers of a segment: the column, and where that is in which source; a fifth is a name. */
const NUMBERS_MAX = 4;

/** Takes out of a map what is not published. */
export function shrinkMap(text: string): string {
  const { sources, mappings } = JSON.parse(text) as SourceMap;
  const places = mappings.replaceAll(/[^;,]+/g, withoutName);
  // Without contents Bun takes no map.
  const sourcesContent = sources.map(() => "");
  return JSON.stringify({ version: 3, sources, sourcesContent, names: [], mappings: places });
}

function withoutName(segment: string): string {
  let end = 0;
  for (let count = 0; count < NUMBERS_MAX && end < segment.length; count++) {
    while ((DIGITS.indexOf(segment[end]!) & CONTINUES) !== 0) end += 1;
    end += 1;
  }
  return segment.slice(0, end);
}
