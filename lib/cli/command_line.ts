/**
 * The command line: what it may hold, and what it says.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { pathFrom, pathRule } from "../store/arguments/path_argument.ts";
import { UsageError } from "./exit_codes.ts";

/** The options of a command, by name: whether a value follows, and what `--help` says about it. */
export type OptionRules = Readonly<Record<string, OptionRule>>;

/** One option. */
export interface OptionRule {
  /** What stands for its value in the help; none for an option without one. */
  readonly value?: string;
  readonly help: string;
}

/** The words that follow the path. */
export interface Operands {
  /** What they stand for, as the help shows it, such as "<key>". */
  readonly usage: string;
  readonly countMin: number;
  readonly countMax: number;
}

const NO_OPERANDS: Operands = { usage: "", countMin: 0, countMax: 0 };

/** What a command was called with. */
export interface Invocation {
  /** The pool's directory, of what `open` takes as its path. */
  readonly path: string;
  /** What follows it. */
  readonly words: readonly string[];
  /** Values by option; "" for an option without one. */
  readonly options: ReadonlyMap<string, string>;
}

/**
 * Reads the arguments of a command: options, and the words among them.
 *
 * @throws {UsageError} for an option that is unknown, given twice, or with or without a value
 *   against its rule
 */
export function readArguments(
  args: readonly string[],
  rules: OptionRules,
): { words: string[]; options: Map<string, string> } {
  const words: string[] = [];
  const options = new Map<string, string>();
  for (const token of tokensOf(args, rules)) {
    if (token.kind === "positional") words.push(token.value);
    if (token.kind !== "option") continue;
    const { name, rawName, value } = token;
    if (!Object.hasOwn(rules, name)) {
      throw new UsageError(`options must be among ${namesOf(rules)}, got ${rawName}`);
    }
    if (options.has(name)) throw new UsageError(`${rawName} must be given once, got it twice`);
    const takesValue = rules[name].value !== undefined;
    if (takesValue && value === undefined) throw new UsageError(`${rawName} must have a value`);
    if (!takesValue && value !== undefined) {
      throw new UsageError(`${rawName} must have no value, got "${value}"`);
    }
    options.set(name, value ?? "");
  }
  return { words, options };
}

/**
 * Reads the arguments of a command that works on one pool.
 *
 * @throws {UsageError} as {@linkcode readArguments}, and unless there is exactly one path, which
 *   `open` would take, and as many words behind it as the command takes
 */
export function readInvocation(
  args: readonly string[],
  rules: OptionRules,
  { usage, countMin, countMax }: Operands = NO_OPERANDS,
): Invocation {
  const { words: [given, ...words], options } = readArguments(args, rules);
  if (options.has("help")) return { path: "", words, options };
  if (given === undefined || given === "" || words.length < countMin || words.length > countMax) {
    const got = given === undefined
      ? "nothing"
      : [given, ...words].map((word) => `"${word}"`).join(" ");
    const behind = usage === "" ? "" : ` and ${usage}`;
    throw new UsageError(`arguments must be the path of one pool${behind}, got ${got}`);
  }
  const path = pathFrom(given);
  if (path === undefined) throw new UsageError(`path ${pathRule(given)}, got "${given}"`);
  return { path, words, options };
}

/** The value of an option that takes a whole number; `otherwise` without it. */
export function wholeNumberOf(
  options: ReadonlyMap<string, string>,
  name: string,
  otherwise: number,
): number {
  const given = options.get(name);
  if (given === undefined) return otherwise;
  const isNumber = /^\d{1,15}$/.test(given) && Number(given) >= 1;
  if (!isNumber) throw new UsageError(`--${name} must be a whole number from 1, got "${given}"`);
  return Number(given);
}

/** The value of an option that takes one of several. */
export function choiceOf<T extends string>(
  options: ReadonlyMap<string, string>,
  name: string,
  choices: readonly T[],
  otherwise: T,
): T {
  const given = options.get(name) ?? otherwise;
  const found = choices.find((choice) => choice === given);
  if (found !== undefined) return found;
  throw new UsageError(`--${name} must be one of ${choices.join(", ")}, got "${given}"`);
}

/** Tokens instead of values: the parser's own errors differ between runtimes. */
function tokensOf(args: readonly string[], rules: OptionRules) {
  const options = Object.entries(rules).map(([name, rule]) => {
    const type = rule.value === undefined ? "boolean" as const : "string" as const;
    return [name, name === "help" ? { type, short: "h" } : { type }] as const;
  });
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(options),
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  return tokens;
}

function namesOf(rules: OptionRules): string {
  return Object.keys(rules).map((name) => `--${name}`).join(", ");
}
