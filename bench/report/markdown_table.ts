/**
 * Tables for pages of the documentation.
 *
 * @module
 */

/** A table in Markdown, as the formatter of the repository would write it; the first line is the head. */
export function markdownTable(lines: readonly (readonly string[])[]): string {
  const widths = lines[0].map((_, column) =>
    Math.max(3, ...lines.map((line) => line[column].length))
  );
  const ruled = [lines[0], widths.map((width) => "-".repeat(width)), ...lines.slice(1)];
  return ruled
    .map((line) => `| ${line.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`)
    .join("\n");
}
