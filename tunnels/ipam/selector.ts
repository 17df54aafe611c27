/**
 * The selector language of Calico, as a pool's `nodeSelector` uses it: label tests joined by `&&`,
 * `||`, `!` and parentheses. An empty text selects everything.
 *
 *   has(rack)   rack == 'a'   rack != 'a'   rack in {'a', 'b'}   rack not in {'a'}
 *   rack contains 'a'   rack starts with 'a'   rack ends with 'a'   all()   global()
 */

export type Labels = Readonly<Record<string, string>>;
export type Selector = (labels: Labels) => boolean;

type TokenKind = "label" | "text" | "sign" | "end";

interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** Offset in the selector, for messages. */
  readonly at: number;
}

const TOKEN = /\s*(?:'([^']*)'|"([^"]*)"|(&&|\|\||==|!=|[!(){},])|([A-Za-z0-9_./-]+)|(\S))/y;

/** @throws SyntaxError that says where the text goes wrong */
export function parseSelector(text: string): Selector {
  const reader = new TokenReader(text);
  if (reader.isAtEnd) return () => true;
  const selector = readEither(reader);
  if (!reader.isAtEnd) reader.fail("&&, || or the end");
  return selector;
}

function readEither(reader: TokenReader): Selector {
  const parts = [readBoth(reader)];
  while (reader.take("||")) parts.push(readBoth(reader));
  return parts.length === 1 ? first(parts) : (labels) => parts.some((part) => part(labels));
}

function readBoth(reader: TokenReader): Selector {
  const parts = [readTest(reader)];
  while (reader.take("&&")) parts.push(readTest(reader));
  return parts.length === 1 ? first(parts) : (labels) => parts.every((part) => part(labels));
}

function first(parts: readonly Selector[]): Selector {
  return parts[0] as Selector;
}

function readTest(reader: TokenReader): Selector {
  if (reader.take("!")) {
    const test = readTest(reader);
    return (labels) => !test(labels);
  }
  if (reader.take("(")) {
    const inner = readEither(reader);
    reader.need(")");
    return inner;
  }
  const label = reader.label();
  if (!reader.take("(")) return readComparison(label, reader);
  if (label !== "has") {
    reader.need(")");
    if (label === "all" || label === "global") return () => true;
    throw new SyntaxError(`there is no ${label}(); use all() or has(LABEL)`);
  }
  const wanted = reader.label();
  reader.need(")");
  return (labels) => labelValue(labels, wanted) !== undefined;
}

/** A label that is absent equals nothing, and is in no set. */
function readComparison(label: string, reader: TokenReader): Selector {
  const value = (labels: Labels): string | undefined => labelValue(labels, label);
  if (reader.take("==")) return compare(value, equals, reader.text());
  if (reader.take("!=")) return negate(compare(value, equals, reader.text()));
  if (reader.takeWord("contains")) return compare(value, contains, reader.text());
  if (reader.takeWord("starts")) {
    reader.needWord("with");
    return compare(value, startsWith, reader.text());
  }
  if (reader.takeWord("ends")) {
    reader.needWord("with");
    return compare(value, endsWith, reader.text());
  }
  const isNegated = reader.takeWord("not");
  if (!reader.takeWord("in")) reader.fail("==, !=, in, not in, contains, starts with or ends with");
  const set = readSet(reader);
  const isIn: Selector = (labels) => set.has(value(labels) ?? NO_VALUE);
  return isNegated ? negate(isIn) : isIn;
}

/** No text between quotes can be this. */
const NO_VALUE = "'\"";

type Comparison = (value: string, wanted: string) => boolean;

const equals: Comparison = (value, wanted) => value === wanted;
const contains: Comparison = (value, wanted) => value.includes(wanted);
const startsWith: Comparison = (value, wanted) => value.startsWith(wanted);
const endsWith: Comparison = (value, wanted) => value.endsWith(wanted);

function compare(
  value: (labels: Labels) => string | undefined,
  holds: Comparison,
  wanted: string,
): Selector {
  return (labels) => {
    const found = value(labels);
    return found !== undefined && holds(found, wanted);
  };
}

function negate(selector: Selector): Selector {
  return (labels) => !selector(labels);
}

function labelValue(labels: Labels, label: string): string | undefined {
  return Object.hasOwn(labels, label) ? labels[label] : undefined;
}

function readSet(reader: TokenReader): ReadonlySet<string> {
  reader.need("{");
  const members = new Set<string>();
  if (reader.take("}")) return members;
  do members.add(reader.text());
  while (reader.take(","));
  reader.need("}");
  return members;
}

class TokenReader {
  #token: Token;
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
    this.#token = this.#next();
  }

  get isAtEnd(): boolean {
    return this.#token.kind === "end";
  }

  take(sign: string): boolean {
    return this.#takeIf("sign", sign);
  }

  takeWord(word: string): boolean {
    return this.#takeIf("label", word);
  }

  need(sign: string): void {
    if (!this.take(sign)) this.fail(sign);
  }

  needWord(word: string): void {
    if (!this.takeWord(word)) this.fail(word);
  }

  label(): string {
    return this.#take("label", "a label");
  }

  text(): string {
    return this.#take("text", "a text in quotes");
  }

  /** @throws SyntaxError */
  fail(wanted: string): never {
    const { kind, text, at } = this.#token;
    const found = kind === "end" ? "the end" : `"${text}"`;
    throw new SyntaxError(`expected ${wanted} at character ${at + 1}, not ${found}`);
  }

  #take(kind: TokenKind, wanted: string): string {
    const token = this.#token;
    if (token.kind !== kind) this.fail(wanted);
    this.#token = this.#next();
    return token.text;
  }

  #takeIf(kind: TokenKind, text: string): boolean {
    if (this.#token.kind !== kind || this.#token.text !== text) return false;
    this.#token = this.#next();
    return true;
  }

  #next(): Token {
    TOKEN.lastIndex = this.#at;
    const found = TOKEN.exec(this.#source);
    if (found === null) return { kind: "end", text: "", at: this.#source.length };
    this.#at = TOKEN.lastIndex;
    const [, single, double, sign, label, other] = found;
    const text = single ?? double ?? sign ?? label ?? other ?? "";
    const isText = single !== undefined || double !== undefined;
    const at = this.#at - text.length - (isText ? 2 : 0);
    if (isText) return { kind: "text", text, at };
    return { kind: label === undefined ? "sign" : "label", text, at };
  }
}
