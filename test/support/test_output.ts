/**
 * What a process prints that runs test files, told apart by file.
 *
 * @module
 */

/** What a process that several files share prints before each of them. */
export const BEGIN_MARK = "==== the next test file begins ====\n";

/** Output kept per file: a file that prints in a loop must not take the runner's memory. */
const OUTPUT_CHARS_MAX = 1 << 20;
/** The summary is within so many characters before the end of the output when it has just come. */
const SUMMARY_CHARS_MAX = 1000;

/** The numbers of uvu's closing lines. */
export interface Summary {
  total: number;
  passed: number;
  skipped: number;
}

/** What one file has printed. */
export interface OutputPart {
  text: string;
  readonly startMs: number;
  /** Undefined: nothing has begun after it. */
  endMs?: number;
}

/** The output of a process, which grows. */
export class TestOutput {
  readonly #isShared: boolean;
  readonly #parts: OutputPart[] = [{ text: "", startMs: performance.now() }];
  #hasFailed = false;

  /** Output of one file, or of several that each begin with a mark. */
  constructor(isShared: boolean) {
    this.#isShared = isShared;
  }

  /**
   * What the files have printed that have begun. What a shared process prints before its first
   * file, and the time that it takes to start, are that file's, too.
   */
  get parts(): readonly OutputPart[] {
    const [first, second, ...others] = this.#parts;
    if (!this.#isShared || second === undefined) return this.#parts;
    const { startMs, text } = first!;
    return [{ ...second, startMs, text: text + second.text }, ...others];
  }

  /** Takes what has come; says whether a file has begun with it. */
  add(text: string): boolean {
    let current = this.#parts.at(-1)!;
    let at = Math.max(0, current.text.length - BEGIN_MARK.length);
    current.text += text;
    const before = this.#parts.length;
    while (this.#isShared && (at = current.text.indexOf(BEGIN_MARK, at)) >= 0) {
      const next = { text: current.text.slice(at + BEGIN_MARK.length), startMs: performance.now() };
      current.text = current.text.slice(0, at);
      current.endMs = next.startMs;
      this.#hasFailed ||= hasFailed(parseSummary(current.text));
      this.#parts.push(next);
      current = next;
      at = 0;
    }
    // The summary comes last: drop what is in the middle, not the end.
    const half = OUTPUT_CHARS_MAX >> 1;
    if (current.text.length > 2 * OUTPUT_CHARS_MAX) {
      current.text = current.text.slice(0, half) + current.text.slice(-half);
    }
    return this.#parts.length > before;
  }

  /** Whether all files, of so many, have said how they went, and a test of one has failed. */
  hasEndedInFailure(fileCount: number): boolean {
    if (this.parts.length < fileCount) return false;
    const summary = parseSummary(this.#parts.at(-1)!.text.slice(-SUMMARY_CHARS_MAX));
    return summary !== undefined && (this.#hasFailed || hasFailed(summary));
  }
}

/** Reads uvu's closing lines; undefined when they are not there, as in a file that crashed. */
export function parseSummary(output: string): Summary | undefined {
  const pattern = /^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)$/gm;
  const last = [...withoutColours(output).matchAll(pattern)].at(-1);
  if (last === undefined) return undefined;
  return { total: Number(last[1]), passed: Number(last[2]), skipped: Number(last[3]) };
}

/** Whether a summary says that a test has failed. */
export function hasFailed(summary: Summary | undefined): boolean {
  return summary !== undefined && summary.passed < summary.total;
}

/** The text without what colours it on a terminal. */
export function withoutColours(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/\x1b\[[0-9;]*m/g, "");
}
