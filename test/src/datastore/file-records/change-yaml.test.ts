import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { changeYaml } from "../../../../src/datastore/file-records/change-yaml.ts";
import type { TextPiece } from "../../../../src/datastore/file-records/record-claim.ts";

function piece(text: string): TextPiece {
  const place = { start: 0, end: text.length, floor: 0, line: 1, format: "yaml" } as const;
  return { text, ...place, isItem: false, isDashed: false };
}

interface Value {
  metadata: object;
  spec: Record<string, unknown>;
}

/** The text after `edit` did something to its value. */
function changed(text: string, edit: (value: Value) => void): string {
  const value = parse(text) as Value;
  edit(value);
  const result = changeYaml(piece(text), [], value);
  expect(parse(result)).toEqual(value);
  return result;
}

const text = `# above
kind: IPPool   # a kind
metadata: {name: green,  labels: { zone: 'b' }}   # two blanks
spec:
    # the prefix
    cidr: 10.77.0.0/16      # since 2019
    vxlanMode: "Always"

    # what for
    allowedUses:
    - Workload   # pods
    - Tunnel
    deep:
        er: 1
# below
`;

describe("changeYaml", () => {
  test("touches nothing but a scalar, in its quotes", () => {
    expect(
      changed(text, (value) => {
        Object.assign(value.spec, { vxlanMode: "Never", cidr: "10.78.0.0/16" });
      }),
    ).toBe(text.replace("Always", "Never").replace("10.77", "10.78"));
  });

  test("adds a field after the others of its map, and takes out another", () => {
    expect(
      changed(text, (value) => {
        const { spec } = value;
        delete spec["vxlanMode"];
        spec["blockSize"] = 28;
        spec["more"] = { a: [1], b: "x: y" };
        (spec["deep"] as Record<string, unknown>)["est"] = true;
      }),
    ).toBe(
      text.replace(/ +vxlanMode.*\n/, "").replace(
        "        er: 1\n",
        `        er: 1
        est: true
    blockSize: 28
    more:
        a:
          - 1
        b: "x: y"
`,
      ),
    );
  });

  test("writes what is in brackets anew, alone, in its order and its quotes", () => {
    expect(
      changed(text, (value) => {
        const labels = { rack: "7", zone: "b" };
        Object.assign(value.metadata, { labels });
      }),
    ).toBe(
      text.replace(
        "{name: green,  labels: { zone: 'b' }}",
        "{ name: green, labels: { zone: 'b', rack: \"7\" } }",
      ),
    );
  });

  test("replaces a list of another length by its lines", () => {
    const result = changed(text, (value) => {
      Object.assign(value.spec, { allowedUses: ["Tunnel"] });
    });
    expect(result.replaceAll(/^ +- /gm, "- ")).toBe(
      text.replace(/ +- Workload.*\n +- Tunnel\n/, "- Tunnel\n"),
    );
  });

  test("leaves text without a newline at its end with one", () => {
    expect(changed("spec:\n  a: 1", ({ spec }) => Object.assign(spec, { b: 2 }))).toBe(
      "spec:\n  a: 1\n  b: 2\n",
    );
  });

  const key = fc.constantFrom("a", "b", "c", "d e", "f#", "yes");
  const leaf = fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.constant(null));
  const value = fc.letrec((tie) => ({
    any: fc.oneof({ maxDepth: 3 }, leaf, tie("map"), fc.array(tie("any"), { maxLength: 3 })),
    map: fc.dictionary(key, tie("any"), { maxKeys: 4 }),
  }));
  const layout = fc.record({
    indent: fc.constantFrom(2, 4),
    indentSeq: fc.boolean(),
    collectionStyle: fc.constantFrom("any" as const, "flow" as const),
  });

  test("makes any value of any other, whatever the layout", () => {
    fc.assert(
      fc.property(value.map, value.map, layout, (before, after, style) => {
        const written = `${stringify(before, { lineWidth: 0, ...style })}# below\n`;
        const result = changeYaml(piece(written), [], after);
        expect(parse(result)).toEqual(after);
        expect(result).toContain("# below");
      }),
      { numRuns: 300 },
    );
  });
});
