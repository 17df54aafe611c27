import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { bindSocket, closeDescriptor, openSocket, receive } from "../../../src/native/linux.ts";
import { Systemd } from "../../../src/observe/systemd.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;
const directory = mkdtempSync(join(tmpdir(), "causeway-systemd-"));
const open: number[] = [];

afterEach(() => {
  for (const fd of open.splice(0)) closeDescriptor(fd);
});
afterAll(() => rmSync(directory, { recursive: true }));

/** A datagram socket, as systemd has one for NOTIFY_SOCKET; "@" begins an abstract name. */
function listen(name: string): () => string[] {
  const bytes = Buffer.from(name.startsWith("@") ? `\0${name.slice(1)}` : name);
  const address = new Uint8Array(2 + bytes.length);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(bytes, 2);
  const fd = openSocket(AF_UNIX, SOCK_DGRAM, 0);
  open.push(fd);
  bindSocket(fd, address);
  return () => {
    const messages: string[] = [];
    const buffer = new Uint8Array(4_096);
    for (let length = 0; length >= 0; ) {
      length = receive(fd, buffer, MSG_DONTWAIT);
      if (length >= 0) messages.push(Buffer.from(buffer.subarray(0, length)).toString());
    }
    return messages;
  };
}

const silent = pino({ level: "silent" });

describe("Systemd", () => {
  test.each([join(directory, "notify"), `@causeway-test-${process.pid}`])(
    "tells the socket %s what sd_notify(3) has for it, each in a datagram",
    (name) => {
      const received = listen(name);
      const systemd = new Systemd(name, silent);
      systemd.ready();
      systemd.reloading();
      systemd.ready();
      systemd.stopping();
      const [ready, reloading = "", ...rest] = received();
      expect(ready).toBe("READY=1");
      expect(reloading).toMatch(/^RELOADING=1\nMONOTONIC_USEC=\d+$/);
      expect(rest).toEqual(["READY=1", "STOPPING=1"]);
    },
  );

  test("takes the time of a reload from the clock that systemd compares it with", () => {
    const received = listen(`@causeway-clock-${process.pid}`);
    const monotonic = (): number => Number(process.hrtime.bigint() / 1_000n);
    const before = monotonic();
    new Systemd(`@causeway-clock-${process.pid}`, silent).reloading();
    const told = Number(/MONOTONIC_USEC=(\d+)/.exec(received()[0] ?? "")?.[1]);
    expect(told).toBeGreaterThanOrEqual(before);
    expect(told).toBeLessThanOrEqual(monotonic());
  });

  test("is silent where systemd has not started us", () => {
    for (const name of [undefined, ""]) new Systemd(name, silent).ready();
  });

  test("logs that systemd cannot be told, and goes on", () => {
    const lines: string[] = [];
    const log = pino({ level: "warn" }, { write: (line: string) => lines.push(line) });
    new Systemd(join(directory, "nobody"), log).ready();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("ENOENT");
  });
});
