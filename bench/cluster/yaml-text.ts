/** YAML of plain records. The yaml package needs seconds for 100,000 of them; this needs no graph. */

/** Block style for maps and lists with content, flow style for what is empty; ends with a newline. */
export function yamlText(value: unknown, indent = ""): string {
  if (Array.isArray(value)) {
    return value.map((item) => `${indent}- ${nested(item, `${indent}  `).trimStart()}`).join("");
  }
  if (typeof value === "object" && value !== null) {
    return Object.entries(value)
      .map(([key, item]) => {
        const text = nested(item, `${indent}  `);
        return isBlock(item) ? `${indent}${key}:\n${text}` : `${indent}${key}: ${text}`;
      })
      .join("");
  }
  return `${indent}${scalar(value)}\n`;
}

function nested(value: unknown, indent: string): string {
  return isBlock(value) ? yamlText(value, indent) : `${scalar(value)}\n`;
}

function isBlock(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

/** Plain where no reader could take it for something else than this string, else JSON, which is YAML. */
function scalar(value: unknown): string {
  const isPlain = typeof value === "string" && /^[a-z][a-z0-9./-]*[a-z0-9]$/i.test(value);
  return isPlain && !/^(true|false|null|yes|no|on|off)$/i.test(value)
    ? value
    : JSON.stringify(value);
}
