/**
 * A source file as the architecture rules see it, read without a compiler: which files and packages
 * it imports, and its code without comments and without what stands between quotes.
 */
import { posix } from "node:path";

export interface Import {
  /** As written: "./cidr.ts", "node:fs", "yaml". */
  readonly specifier: string;
  /** Path from the root, where the specifier is relative. */
  readonly target: string | undefined;
  /** `export … from`: a name that is owned elsewhere. */
  readonly isReexport: boolean;
}

export interface SourceFile {
  /** From the root: "encap/address/cidr.ts". */
  readonly path: string;
  readonly lineCount: number;
  readonly imports: readonly Import[];
  /** Comments are gone; a text literal is its number in quotes. */
  readonly code: string;
}

export function readSource(path: string, text: string): SourceFile {
  const { code, literals } = stripped(text);
  const lineCount = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
  return { path, lineCount, code, imports: [...importsOf(path, code, literals)] };
}

const STATIC = /\b(import|export)\s*(?:(?:type\s)?[\w$\s{},*]*?\bfrom\s*)?"(\d+)"/g;
const DYNAMIC = /\b(?:import|require)\s*\(\s*"(\d+)"/g;

function* importsOf(path: string, code: string, literals: readonly string[]): Generator<Import> {
  const found = (number: string | undefined, isReexport: boolean): Import => {
    const specifier = literals[Number(number)] ?? "";
    const target = specifier.startsWith(".")
      ? posix.join(posix.dirname(path), specifier)
      : undefined;
    return { specifier, target, isReexport };
  };
  for (const [, word, number] of code.matchAll(STATIC)) yield found(number, word === "export");
  for (const [, number] of code.matchAll(DYNAMIC)) yield found(number, false);
}

interface Stripped {
  readonly code: string;
  readonly literals: readonly string[];
}

function stripped(text: string): Stripped {
  const literals: string[] = [];
  let code = "";
  let at = 0;

  const takeQuoted = (quote: string): void => {
    const start = ++at;
    while (at < text.length && text[at] !== quote) at += text[at] === "\\" ? 2 : 1;
    literals.push(text.slice(start, at));
    code += `"${literals.length - 1}"`;
    at++;
  };
  const takeTemplate = (): void => {
    at++;
    code += " ";
    while (at < text.length && text[at] !== "`") {
      if (text.startsWith("${", at)) {
        at += 2;
        code += "(";
        takeCode("}");
        code += ")";
        at++;
      } else at += text[at] === "\\" ? 2 : 1;
    }
    at++;
  };
  const takeRegex = (): void => {
    at++;
    for (let isInClass = false; at < text.length && (isInClass || text[at] !== "/"); at++) {
      if (text[at] === "\\") at++;
      else if (text[at] === "[") isInClass = true;
      else if (text[at] === "]") isInClass = false;
    }
    at++;
    code += " 0 ";
  };
  /** Up to `end` on the outermost level of braces. */
  const takeCode = (end: string): void => {
    for (let depth = 0; at < text.length; ) {
      const next = text[at] as string;
      if (next === end && depth === 0) return;
      if (text.startsWith("//", at)) at = lineEnd(text, at);
      else if (text.startsWith("/*", at)) at = commentEnd(text, at);
      else if (next === '"' || next === "'") takeQuoted(next);
      else if (next === "`") takeTemplate();
      else if (next === "/" && startsRegex(code)) takeRegex();
      else {
        if (next === "{") depth++;
        else if (next === "}") depth--;
        code += next;
        at++;
      }
    }
  };
  takeCode("");
  return { code, literals };
}

function commentEnd(text: string, from: number): number {
  const end = text.indexOf("*/", from + 2);
  return end < 0 ? text.length : end + 2;
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

/** A slash after a value divides; after anything else it opens a regular expression. */
function startsRegex(before: string): boolean {
  const tail = before.trimEnd();
  return !/[\w$)\]}"]$/.test(tail) || /\b(?:return|typeof|case|in|of|yield|await)$/.test(tail);
}
