import { expect, test } from "vitest";
import { parseSelector } from "../../../tunnels/ipam/selector.ts";

const labels = { rack: "a1", "kubernetes.io/os": "linux", empty: "", has: "yes", in: "here" };

test.each([
  ["", true],
  ["all()", true],
  ["global()", true],
  ["!all()", false],
  ["rack == 'a1'", true],
  ['rack == "a1"', true],
  ["rack=='a2'", false],
  ["rack != 'a2'", true],
  ["missing == 'a1'", false],
  ["missing != 'a1'", true],
  ["missing == ''", false],
  ["empty == ''", true],
  ["has(rack)", true],
  ["has(missing)", false],
  ["!has(missing)", true],
  ["has(kubernetes.io/os)", true],
  ["kubernetes.io/os in {'linux', 'bsd'}", true],
  ["rack in {}", false],
  ["rack not in {'a1'}", false],
  ["missing in {'a1'}", false],
  ["missing not in {'a1'}", true],
  ["missing contains 'a'", false],
  ["rack contains '1'", true],
  ["rack starts with 'a'", true],
  ["rack ends with 'a'", false],
  ["rack == 'x' || has(empty) && has(rack)", true],
  ["(rack == 'x' || has(empty)) && has(missing)", false],
  ["!(rack == 'x') && !has(missing)", true],
  ["!rack == 'a1'", false],
  ["has == 'yes' && in == 'here' && in in {'here'}", true],
  ["constructor == 'x' || has(toString)", false],
  [" has( rack )\t&&\nall( ) ", true],
])("parseSelector %j gives %s", (text, selects) => {
  expect(parseSelector(text)(labels)).toBe(selects);
});

test.each([
  [
    "rack",
    "expected ==, !=, in, not in, contains, starts with or ends with at character 5, not the end",
  ],
  [
    "rack = 'a'",
    'expected ==, !=, in, not in, contains, starts with or ends with at character 6, not "="',
  ],
  ["rack == a", 'expected a text in quotes at character 9, not "a"'],
  ["rack == 'a", 'expected a text in quotes at character 9, not "\'"'],
  ["has(rack", "expected ) at character 9, not the end"],
  ["has(rack) has(os)", 'expected &&, || or the end at character 11, not "has"'],
  ["rack starts 'a'", 'expected with at character 13, not "a"'],
  ["rack in {'a' 'b'}", 'expected } at character 14, not "b"'],
  ["any()", "there is no any(); use all() or has(LABEL)"],
  ["(has(rack)", "expected ) at character 11, not the end"],
  ["&& has(rack)", 'expected a label at character 1, not "&&"'],
])("parseSelector refuses %j", (text, message) => {
  expect(() => parseSelector(text)).toThrow(new SyntaxError(message));
});
