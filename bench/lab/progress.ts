/** One line on a terminal that says what is being measured; nothing elsewhere. */

export function progress(text: string): void {
  if (process.stderr.isTTY === true) process.stderr.write(`\r\x1b[K${text}`);
}
