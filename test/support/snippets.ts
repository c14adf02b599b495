/**
 * The examples of a page, or of docstrings: programs, and what their comments say that they print.
 *
 * A comment behind `console.log(...)` is what the line prints, on any runtime: these differ in
 * quotes and line breaks, which do not count. What follows a colon, a semicolon or ", then" is for
 * people, and what follows the last bracket of an array or an object.
 *
 * @module
 */

/** One example. */
export interface Snippet {
  /** The line of the file that it begins at, counted from 1. */
  readonly line: number;
  readonly source: string;
  /** What it prints, as far as its comments say, in the form of {@linkcode plainOutput}. */
  readonly expected: readonly string[];
}

const SNIPPET = /^```(?:ts|js)\n([\s\S]*?)^```$/gm;
/** What a docstring has in front of each of its lines. */
const STAR = /^ *\* ?/gm;
const PRINTED = /console\.log\(.*\);.*?\/\/ (.+)$/gm;

/** The programs in the docstrings of a module; see {@linkcode snippetsOf}. */
export function docstringSnippetsOf(source: string): Snippet[] {
  return snippetsOf(source.replace(STAR, ""));
}

/** The programs of a page in Markdown; those marked `ignore` are not meant to run. */
export function snippetsOf(markdown: string): Snippet[] {
  return Array.from(markdown.matchAll(SNIPPET), (match) => {
    const source = match[1]!;
    return {
      line: markdown.slice(0, match.index).split("\n").length,
      source,
      expected: Array.from(source.matchAll(PRINTED), ([, comment]) => {
        const structure = /^[{[].*[}\]]/.exec(comment!)?.[0];
        return plainOutput(structure ?? comment!.split(/[:;] |, then /)[0]!);
      }),
    };
  });
}

/** What is printed, without what differs between runtimes. */
export function plainOutput(text: string): string {
  return text.replace(/[\s"'`]/g, "").replace(/,([}\]])/g, "$1");
}

/** The anchors of a page: those of its headings, as GitHub makes them, and those of its own. */
export function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set(Array.from(markdown.matchAll(/<a id="([^"]+)">/g), ([, id]) => id!));
  const prose = markdown.replace(/^```[\s\S]*?^```$/gm, "");
  for (const [, title] of prose.matchAll(/^#+ (.+)$/gm)) {
    const words = title!.toLowerCase().replace(/[^\p{L}\p{N}_ -]/gu, "");
    anchors.add(words.replaceAll(" ", "-"));
  }
  return anchors;
}

/** Where the links of a page lead that are no addresses of the web. */
export function linksOf(markdown: string): string[] {
  const prose = markdown.replace(/^```[\s\S]*?^```$/gm, "");
  return Array.from(prose.matchAll(/\]\(([^)\s]+)\)/g), ([, target]) => target!)
    .filter((target) => !/^[a-z]+:/.test(target));
}
