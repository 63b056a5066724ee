/** A report for people: a line for each value, indented as the report nests; lists of witnesses on one line each. */
export function reportText(report: object, indent = ''): string {
  const lines: string[] = [];
  for (const [name, value] of Object.entries(report) as [string, unknown][]) {
    if (Array.isArray(value))
      lines.push(`${indent}${name}`, ...value.map((item) => `${indent}  ${JSON.stringify(item)}`));
    else if (typeof value === 'object' && value !== null)
      lines.push(`${indent}${name}`, reportText(value, `${indent}  `));
    else lines.push(`${indent}${name}: ${typeof value === 'number' ? value.toLocaleString('en') : String(value)}`);
  }
  return lines.join('\n');
}
