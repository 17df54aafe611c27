import { expect, test } from "vitest";
import { describeFailure, readDone, readError } from "../../../src/netlink/netlink-error.ts";
import { messageOf } from "../../support/netlink-bytes.ts";

/** ip route add 10.9.0.0/16 via 10.99.0.1 dev v0, with NETLINK_EXT_ACK and NETLINK_CAP_ACK */
const CAPPED =
  "4400000002000003070000003f7f00009bffffff34000000180001060700000000000000" +
  "200001004e657874686f702068617320696e76616c6964206761746577617900";

/** The same without NETLINK_CAP_ACK: the request is repeated in full. */
const IN_FULL =
  "6800000002000002070000003f7f00009bffffff34000000180001060700000000000000" +
  "02100000feca000100000000080001000a090000080005000a6300010800040003000000" +
  "200001004e657874686f702068617320696e76616c6964206761746577617900";

test("readError reads errno and the kernel's text", () => {
  const failure = readError(messageOf(CAPPED));
  expect(failure).toEqual({ sequence: 7, errno: 101, text: "Nexthop has invalid gateway" });
  expect(failure && describeFailure(failure)).toBe("Nexthop has invalid gateway");
});

test("readError takes an ack for no failure", () => {
  expect(readError(messageOf(CAPPED.replace("9bffffff", "00000000")))).toBeUndefined();
});

test("readError finds the text behind a request that is repeated in full", () => {
  expect(readError(messageOf(IN_FULL))).toEqual(readError(messageOf(CAPPED)));
});

test("describeFailure has words where the kernel has none", () => {
  const words = (errno: number): string => describeFailure({ sequence: 1, errno, text: "" });
  expect(words(17)).toBe("it exists already");
  expect(words(19)).toBe("there is no such device");
  expect(words(5)).toBe("i/o error");
});

test("readDone tells a dump that failed from one that ended", () => {
  const done = "14000000030002000100000044760000";
  expect(readDone(messageOf(`${done}00000000`))).toBeUndefined();
  expect(readDone(messageOf(`${done}edffffff`))?.errno).toBe(19);
});
