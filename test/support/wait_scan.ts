/**
 * Finds every place in sources that may take longer than it looks: loops without a counter, awaits,
 * promises that are made by hand, and calls that block. What ends each of them is in
 * wait_inventory.ts.
 *
 * A place is named by its file's name, without its folder, and by the function around it, so that
 * moving a file changes nothing, and moving a function one line. Sources are read as `deno fmt`
 * writes them: what is at the top of a file is not indented, and members of classes are by two
 * blanks.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

const PLACES = [
  // A `do` has one, too.
  /\bwhile\s*\(/g,
  /\bawait\b/g,
  /\bnew Promise\b/g,
  /\bAtomics\.wait(Async)?\(/g,
  /(?<!function )\bsleepSync\(/g,
];
const FOR = /\bfor\s*\(/g;
const CLASS = /^(?:export )?(?:default )?(?:abstract )?class (\w+)/;
const FUNCTION = /^(?:export )?(?:default )?(?:async )?function\*? ?(\w+)/;
const CONSTANT = /^(?:export )?const (\w+)/;
const MEMBER =
  /^ {2}(?:(?:override|protected|private|public|static|readonly|async|get|set) )*\*?(#?\w+|\[Symbol\.\w+\])[(<:= ]/;
/** Where a slash begins a regular expression: behind these it cannot divide. */
const BEFORE_EXPRESSION = /(?:[(,=:[!&|?{};>]|\breturn)\s*$/;

/** The number of such places by "file function", in the sources under some folders. */
export function scanFolders(root: string, folders: readonly string[]): Map<string, number> {
  const places = new Map<string, number>();
  for (const folder of folders) {
    for (const name of readdirSync(join(root, folder), { recursive: true }) as string[]) {
      if (!name.endsWith(".ts")) continue;
      const text = readFileSync(join(root, folder, name), "utf8");
      for (const place of scanSource(basename(name), text)) {
        places.set(place, (places.get(place) ?? 0) + 1);
      }
    }
  }
  return places;
}

/** The places of one source, each as often as it occurs. */
export function scanSource(file: string, text: string): string[] {
  const code = blankOut(text);
  const offsets = PLACES.flatMap((place) => [...code.matchAll(place)].map(({ index }) => index));
  for (const { index } of code.matchAll(FOR)) if (!countsUp(code, index)) offsets.push(index);
  return offsets.sort((a, b) => a - b).map((offset) => `${file} ${functionAt(code, offset)}`);
}

/**
 * Whether the `for` at an offset has a condition and a step, or goes over something that is there.
 */
function countsUp(code: string, offset: number): boolean {
  const parts = [""];
  let depth = 0;
  for (let at = code.indexOf("(", offset); at < code.length; at++) {
    const char = code[at]!;
    if ("([{".includes(char)) depth += 1;
    if (")]}".includes(char) && --depth === 0) break;
    if (char === ";" && depth === 1) parts.push("");
    else parts[parts.length - 1] += char;
  }
  return parts.length === 1 || (parts[1]!.trim() !== "" && parts[2]!.trim() !== "");
}

/** The name of the function, or of the member of a class, around an offset. */
function functionAt(code: string, offset: number): string {
  const lines = code.slice(0, code.indexOf("\n", offset)).split("\n");
  let member: string | undefined;
  for (const line of lines.reverse()) {
    member ??= MEMBER.exec(line)?.[1];
    const name = CLASS.exec(line)?.[1];
    if (name !== undefined) return `${name}.${member}`;
    const top = FUNCTION.exec(line)?.[1] ?? CONSTANT.exec(line)?.[1];
    if (top !== undefined) return top;
    if (line.startsWith("}")) return "module";
  }
  return "module";
}

/** Replaces comments and the contents of strings and regular expressions by blanks. */
function blankOut(text: string): string {
  let code = "";
  let at = 0;
  const skipTo = (end: number): void => {
    code += text.slice(at, end).replace(/[^\n]/g, " ");
    at = end;
  };
  // How deep in braces each open `${` is.
  const templates: number[] = [];
  let depth = 0;
  const skipTemplate = (): void => {
    let end = at + 1;
    while (end < text.length && text[end] !== "`" && !text.startsWith("${", end)) {
      end += text[end] === "\\" ? 2 : 1;
    }
    const isOpen = text.startsWith("${", end);
    if (isOpen) templates.push(depth);
    skipTo(end + (isOpen ? 2 : 1));
  };
  while (at < text.length) {
    const char = text[at]!;
    if (text.startsWith("//", at)) skipTo(lineEnd(text, at));
    else if (text.startsWith("/*", at)) skipTo(text.indexOf("*/", at) + 2);
    else if (char === '"' || char === "'") skipTo(closing(text, at, char));
    else if (char === "/" && BEFORE_EXPRESSION.test(code.slice(-20))) {
      skipTo(closing(text, at, "/"));
    } else if (char === "`") skipTemplate();
    else if (char === "}" && templates.at(-1) === depth) {
      templates.pop();
      skipTemplate();
    } else {
      if (char === "{") depth += 1;
      if (char === "}") depth -= 1;
      code += char;
      at += 1;
    }
  }
  return code;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
}

/** The offset behind the next delimiter that is neither escaped nor in a class of characters. */
function closing(text: string, from: number, delimiter: string): number {
  let isInClass = false;
  for (let at = from + 1; at < text.length; at++) {
    const char = text[at];
    if (char === "\\") at += 1;
    else if (delimiter === "/" && char === "[") isInClass = true;
    else if (char === "]") isInClass = false;
    else if (char === delimiter && !isInClass) return at + 1;
  }
  return text.length;
}
