import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { Systemd } from "../../../src/observe/systemd.ts";
import { NotifySocket } from "../../support/notify-socket.ts";

const directory = mkdtempSync(join(tmpdir(), "causeway-systemd-"));
const open: NotifySocket[] = [];

afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});
afterAll(() => rmSync(directory, { recursive: true }));

function listen(name: string): NotifySocket {
  const socket = new NotifySocket(name);
  open.push(socket);
  return socket;
}

const silent = pino({ level: "silent" });

describe("Systemd", () => {
  test.each([join(directory, "notify"), `@causeway-test-${process.pid}`])(
    "tells the socket %s what sd_notify(3) has for it, each in a datagram",
    (name) => {
      const socket = listen(name);
      const systemd = new Systemd(name, silent);
      systemd.ready();
      systemd.reloading();
      systemd.ready();
      systemd.stopping();
      const [ready, reloading = "", ...rest] = socket.received();
      expect(ready).toBe("READY=1");
      expect(reloading).toMatch(/^RELOADING=1\nMONOTONIC_USEC=\d+$/);
      expect(rest).toEqual(["READY=1", "STOPPING=1"]);
    },
  );

  test("takes the time of a reload from the clock that systemd compares it with", () => {
    const socket = listen(`@causeway-clock-${process.pid}`);
    const monotonic = (): number => Number(process.hrtime.bigint() / 1_000n);
    const before = monotonic();
    new Systemd(`@causeway-clock-${process.pid}`, silent).reloading();
    const told = Number(/MONOTONIC_USEC=(\d+)/.exec(socket.received()[0] ?? "")?.[1]);
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
