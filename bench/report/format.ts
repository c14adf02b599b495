/**
 * Figures as people read them.
 *
 * @module
 */

/** Three digits that count: 1.23, 45.6, 789. */
export function threeDigits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** 1234567 as "1.23 M". */
export function formatRate(operationsPerSecond: number): string {
  if (operationsPerSecond >= 1e6) return `${threeDigits(operationsPerSecond / 1e6)} M`;
  if (operationsPerSecond >= 1e3) return `${threeDigits(operationsPerSecond / 1e3)} k`;
  return threeDigits(operationsPerSecond);
}

/** 1048576 as "1.00 MiB". */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  const unit = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const figure = bytes / 1024 ** unit;
  return `${Number.isInteger(figure) ? figure : threeDigits(figure)} ${units[unit]}`;
}

/** 100 as "100 B", 1024 as "1 KiB": sizes that were chosen, not measured. */
export function formatValueSize(valueBytes: number): string {
  return valueBytes % 1024 === 0 ? `${valueBytes / 1024} KiB` : `${valueBytes} B`;
}

/** 100000 as "100k", 5000000 as "5M". */
export function formatCount(count: number): string {
  if (count >= 1e6) return `${count / 1e6}M`;
  return count >= 1e3 ? `${count / 1e3}k` : String(count);
}

/**
 * Pads the cells of a table so that columns align; the first column to the left, the others right.
 */
export function alignColumns(lines: readonly string[][]): string {
  const widths = lines[0].map((_, column) =>
    Math.max(...lines.map((cells) => cells[column].length))
  );
  return lines
    .map((cells) =>
      cells
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])
        )
        .join("  ")
        .trimEnd()
    )
    .join("\n");
}
