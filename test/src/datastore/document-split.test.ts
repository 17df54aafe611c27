import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAllDocuments, stringify } from "yaml";
import { splitJson } from "../../../src/datastore/document-split-json.ts";
import { splitYaml } from "../../../src/datastore/document-split-yaml.ts";
import type { SplitFile } from "../../../src/datastore/piece-table.ts";
import { lineOfField, parseYamlPiece } from "../../../src/datastore/yaml-piece.ts";

function run(work: Generator<void, SplitFile>): SplitFile {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

const json = (text: string): SplitFile => run(splitJson(Buffer.from(text)));
const yaml = (text: string): SplitFile => run(splitYaml(Buffer.from(text)));

function pieceTexts(split: SplitFile): string[] {
  const { bytes, pieces } = split;
  return Array.from({ length: pieces.count }, (_, at) =>
    bytes.toString("utf8", pieces.start(at), pieces.end(at)),
  );
}

function lines({ pieces }: SplitFile): number[] {
  return Array.from({ length: pieces.count }, (_, at) => pieces.line(at));
}

function hashes({ pieces }: SplitFile): string[] {
  return Array.from({ length: pieces.count }, (_, at) => JSON.stringify(pieces.hash(at)));
}

function yamlValues(split: SplitFile): unknown[] {
  return pieceTexts(split).flatMap((text, at) => {
    const reading = parseYamlPiece(text, split.pieces.list(at) >= 0);
    expect(reading.fault).toBe(undefined);
    return reading.values ?? [];
  });
}

describe("splitJson", () => {
  const anyItem = fc.jsonValue({ maxDepth: 3 });
  const indents = fc.constantFrom(undefined, 1, 2);

  test("finds in a List what JSON.parse finds", () => {
    fc.assert(
      fc.property(fc.array(anyItem), indents, fc.boolean(), (items, indent, isKindLast) => {
        const list = isKindLast
          ? { items, metadata: { items: [1] }, kind: "NodeList", apiVersion: "v1" }
          : { apiVersion: "v1", kind: "List", metadata: {}, items };
        const split = json(JSON.stringify(list, undefined, indent));
        expect(split.fault).toBe(undefined);
        expect(pieceTexts(split).map((text) => JSON.parse(text))).toEqual(
          JSON.parse(JSON.stringify(items)),
        );
        expect(split.lists).toEqual([{ apiVersion: "v1", kind: list.kind }]);
      }),
    );
  });

  test("finds documents that follow one another, and lists without a kind", () => {
    const document = fc.oneof(fc.dictionary(fc.string(), anyItem), fc.array(anyItem));
    const gap = fc.constantFrom("", "\n", " \r\n\n");
    fc.assert(
      fc.property(fc.array(document), gap, indents, (documents, between, indent) => {
        const text = documents.map((one) => JSON.stringify(one, undefined, indent)).join(between);
        const split = json(text);
        expect(split.fault).toBe(undefined);
        expect(split.documents).toBe(documents.length);
        expect(pieceTexts(split).map((piece) => JSON.parse(piece))).toEqual(
          JSON.parse(JSON.stringify(documents)).flat(1),
        );
      }),
    );
  });

  test("gives the line that each piece begins on", () => {
    const text = '{"kind":"List","items":[\n{"a":1},\n{"b":\n2}, {"c":"\\"]}"}\n]}\n\n{"d":4}';
    expect(lines(json(text))).toEqual([2, 3, 4, 7]);
  });

  test("gives equal pieces equal hashes and others other ones, wherever they stand", () => {
    fc.assert(
      fc.property(fc.array(anyItem), fc.array(anyItem), (before, after) => {
        const wrap = (items: unknown[]): string => JSON.stringify({ kind: "List", items });
        const one = { name: "one", text: "\u00e9\u{1f600}" };
        const first = json(wrap([...before, one]));
        const second = json(`\n${wrap([...after, one, { name: "two" }])}`);
        expect(hashes(first)[before.length]).toBe(hashes(second)[after.length]);
        expect(hashes(second)[after.length]).not.toBe(hashes(second)[after.length + 1]);
      }),
    );
  });

  test("mixes the type that items inherit into their hashes", () => {
    const text = (kind: string): string => JSON.stringify({ items: [{ a: 1 }], kind });
    expect(hashes(json(text("NodeList")))).not.toEqual(hashes(json(text("IPPoolList"))));
  });

  test("takes `items` of what is no list for a field", () => {
    const text = '{"kind":"IPPool","items":[{"a":1},{"b":2}],"x":1}';
    expect(pieceTexts(json(text))).toEqual([text]);
    expect(hashes(json(text))).not.toEqual(hashes(json(text.replace('"a"', '"c"'))));
  });

  test.each([
    ['{"items":[{"a":1}', "the file ends inside the [ of line 1", true],
    ['{\n"a": "b', "the file ends inside the { of line 1", true],
    ['{"a":[1}}', "} closes the [ of line 1", false],
    ["{}\n]", "expected { or [, found ]", false],
    ["{},{}", "expected { or [, found ,", false],
    ["# {}", "expected { or [, found #", false],
    ["\u0000", "found byte 0x0", false],
    ["[1,\u00002]", "found byte 0x0", false],
    ["[1,]", "a comma without an item after it", false],
    ["[,1]", "a comma without an item before it", false],
    ['{"a":"b\n"}', "a string is not closed on its line", false],
    ['{"kind":"List","items":[],,}', "not JSON outside of the items of this list", false],
    ["[".repeat(600), "nested deeper than 500", false],
  ])("refuses %j", (text, reason, isCutShort) => {
    expect(json(text)).toMatchObject({ fault: { reason }, isCutShort });
  });

  test("survives any bytes", () => {
    const soup = fc.array(
      fc.constantFrom(...'{}[]",:\\ \n0a'.split(""), '"items":[', '"kind":"List"', "\u00e9"),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          soup.map((parts) => parts.join("")),
          fc.string(),
        ),
        (text) => {
          const split = json(text);
          for (let at = 0; at < split.pieces.count; at++) {
            expect(split.pieces.end(at)).toBeGreaterThan(split.pieces.start(at));
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("says of every beginning of a text that it is cut short", () => {
    const text = '{"kind":"List","items":[{"a":"b"},{"c":[1,2]}],"m":{}}';
    for (let end = 1; end < text.length; end++) {
      expect(json(text.slice(0, end)).isCutShort).toBe(true);
    }
  });
});

describe("splitYaml", () => {
  const scalar = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.constantFrom(
      "- a",
      "items:",
      "--- x",
      "# no",
      "a: b",
      "multi\nline\n\n- text\n",
      "&a",
      "*b",
    ),
  );
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 3 },
      scalar,
      fc.array(tie("any"), { maxLength: 3 }),
      fc.dictionary(fc.string({ minLength: 1 }), tie("any"), { maxKeys: 3 }),
    ),
  })).any;
  const record = fc.record({ kind: fc.constant("Node"), spec: value });

  test("finds in a stream of documents what the parser finds", () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1 }), (records) => {
        const text = records.map((one) => stringify(one)).join("---\n");
        const all = parseAllDocuments(text).map((document) => document.toJS());
        expect(yamlValues(yaml(text))).toEqual(all);
      }),
    );
  });

  test("finds in a List what the parser finds, however it is indented", () => {
    const styles = fc.record({ indentSeq: fc.boolean(), indent: fc.constantFrom(2, 4) });
    fc.assert(
      fc.property(fc.array(record, { minLength: 1 }), styles, (items, style) => {
        const list = { apiVersion: "v1", items, kind: "NodeList", metadata: { a: "" } };
        const text = stringify(list, style);
        // What looks like an anchor is left to the parser as a whole.
        fc.pre(!text.includes(" &"));
        const split = yaml(text);
        expect(yamlValues(split).flat()).toEqual(parseAllDocuments(text)[0]?.toJS().items);
        expect(split.lists).toEqual([{ apiVersion: "v1", kind: "NodeList" }]);
        expect(split.pieces.count).toBe(items.length);
      }),
    );
  });

  test("gives the line that each piece begins on", () => {
    const text =
      "# head\n\n---\n# more\na: 1\n---\nkind: List\nitems:\n# x\n- b: 2\n  c: 3\n\n- d: 4\n";
    expect(lines(yaml(text))).toEqual([5, 10, 13]);
  });

  test.each([
    ["flow items", "kind: List\nitems: [{a: 1}]\n", [{ kind: "List", items: [{ a: 1 }] }]],
    [
      "anchors",
      "kind: List\nitems:\n- &a {b: 1}\n- *a\n",
      [{ kind: "List", items: [{ b: 1 }, { b: 1 }] }],
    ],
    ["items that are a map", "kind: List\nitems:\n  a: 1\n", [{ kind: "List", items: { a: 1 } }]],
    ["another kind", "kind: IPPool\nitems:\n- a\n", [{ kind: "IPPool", items: ["a"] }]],
    ["a directive", "%YAML 1.2\n---\na: 1\n---\nb: 2\n", [{ a: 1 }, { b: 2 }]],
    ["an end marker", "a: 1\n...\n# x\n---\nb: 2\n", [{ a: 1 }, { b: 2 }]],
    ["content beside the marker", "--- {a: 1}\n--- {b: 2}", [{ a: 1 }, { b: 2 }]],
    ["a block scalar with markers in it", "a: |\n  ---\n  b\n", [{ a: "---\nb\n" }]],
    ["Windows lines", "kind: List\r\nitems:\r\n- a: 1\r\n- b: 2\r\n", [{ a: 1 }, { b: 2 }]],
    ["a byte order mark", "\ufeffa: 1\n", [{ a: 1 }]],
    ["dashes alone", "kind: List\nitems:\n-\n  a: 1\n-\n  b: 2\n", [{ a: 1 }, { b: 2 }]],
  ])("reads %s", (_, text, expected) => {
    expect(yamlValues(yaml(text))).toEqual(expected);
  });

  test.each(["", "\n\n", "# x\n", "---\n# y\n---\n...\n"])("finds no document in %j", (text) => {
    expect(yaml(text).documents).toBe(0);
  });

  test("survives any text", () => {
    const soup = fc.array(
      fc.constantFrom(
        "---",
        "\n",
        "- ",
        "items:",
        "kind: List",
        " ",
        "a: b",
        "|",
        "{",
        '"',
        "\t",
        "%",
      ),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          soup.map((parts) => parts.join("")),
          fc.string(),
        ),
        (text) => {
          const split = yaml(text);
          for (const [at, piece] of pieceTexts(split).entries()) {
            parseYamlPiece(piece, split.pieces.list(at) >= 0);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

test("parseYamlPiece gives the line of a fault", () => {
  expect(parseYamlPiece("a: 1\nb: [1\nc: 2\n", false)).toMatchObject({
    fault: { line: expect.any(Number), reason: expect.stringMatching(/^not YAML: /) },
  });
  expect(parseYamlPiece("a: 1\na: 2\n", false)).toEqual({
    fault: { line: 1, reason: "not YAML: map keys must be unique" },
  });
});

test.each([
  [["spec", "cidr"], 2],
  [["spec", "list", 1, "b"], 5],
  [["spec", "missing"], 1],
  [["nowhere"], 0],
])("lineOfField finds %j", (path, line) => {
  const text = "kind: X\nspec:\n  cidr: 1\n  list:\n  - a: 1\n  - b: 2\n";
  expect(lineOfField(text, path)).toBe(line);
});

test("lineOfField works on JSON, and on an item of a block list", () => {
  expect(lineOfField('{"a":1,\n"spec":{\n"cidr":"x"}}', ["spec", "cidr"])).toBe(2);
  expect(lineOfField("  - a: 1\n    spec:\n      cidr: 2\n", [0, "spec", "cidr"])).toBe(2);
});
