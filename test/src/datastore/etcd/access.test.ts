import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { parseEtcdUrl, readPassword, readTls } from "../../../../src/datastore/etcd/access.ts";

const top = mkdtempSync(join(tmpdir(), "causeway-access-"));
afterAll(() => rmSync(top, { recursive: true }));

const pem = join(top, "some.pem");
writeFileSync(pem, "PEM");
const password = join(top, "password");
writeFileSync(password, "sesame\nanother line\n");

test.each([
  ["etcd://10.0.0.1:2379", ["10.0.0.1:2379"], "/calico"],
  ["etcd://10.0.0.1", ["10.0.0.1:2379"], "/calico"],
  ["etcd://a:1,b.example.org:2/", ["a:1", "b.example.org:2"], "/calico"],
  ["etcd://[2001:db8::1]:4001?prefix=/x/y/", ["[2001:db8::1]:4001"], "/x/y"],
])("parseEtcdUrl reads %s", (url, endpoints, prefix) => {
  expect(parseEtcdUrl(url, {})).toMatchObject({ url, endpoints, prefix });
});

test.each([
  ["etcd:", /use etcd:\/\/HOST:PORT/],
  ["etcd://", /"" is no HOST:PORT/],
  ["etcd://a:0", /"a:0" is no HOST:PORT/],
  ["etcd://a:70000", /"a:70000" is no HOST:PORT/],
  ["etcd://a,,b", /"" is no HOST:PORT/],
  ["etcd://a/calico", /use etcd:\/\/HOST:PORT/],
  ["etcd://a?prefix=calico", /prefix "calico" is no path/],
  ["etcd://a?prefix=/", /prefix "\/" is no path/],
  ["etcd://a?tls=on", /no such option "tls"/],
])("parseEtcdUrl refuses %s", (url, message) => {
  expect(() => parseEtcdUrl(url, {})).toThrow(
    expect.objectContaining({ code: "bad-config", message: expect.stringMatching(message) }),
  );
});

test("parseEtcdUrl refuses a password in the URL, and does not repeat it", () => {
  expect(() => parseEtcdUrl("etcd://alder:sesame@a:2379", {})).toThrow(
    '--datastore "etcd://...@a:2379": no user and password in here; use --etcd-user',
  );
});

test.each([
  [{ etcdCert: pem }, /^--etcd-cert and --etcd-key: one is of no use alone$/],
  [{ etcdKey: pem }, /^--etcd-cert and --etcd-key: one is of no use alone$/],
  [{ etcdUser: "alder" }, /^no password for --etcd-user alder$/],
  [{ etcdPassword: "sesame" }, /^an etcd password without --etcd-user$/],
  [{ etcdCa: join(top, "absent") }, /^cannot read --etcd-ca .*absent: there is no such file$/],
  [
    { etcdUser: "alder", etcdPasswordFile: top },
    /^cannot read --etcd-password-file .*: .*directory/,
  ],
])("parseEtcdUrl refuses settings that are of no use: %j", (settings, message) => {
  expect(() => parseEtcdUrl("etcd://a", settings)).toThrow(
    expect.objectContaining({ code: "bad-config", message: expect.stringMatching(message) }),
  );
});

test("readTls reads the files that are named, and none means no TLS", () => {
  const tls = (settings: object) => readTls(parseEtcdUrl("etcd://a", settings));
  const bytes = Buffer.from("PEM");
  expect(tls({})).toBeUndefined();
  expect(tls({ etcdCa: pem })).toEqual({ ca: bytes, cert: undefined, key: undefined });
  const all = { ca: bytes, cert: bytes, key: bytes };
  expect(tls({ etcdCa: pem, etcdCert: pem, etcdKey: pem })).toEqual(all);
});

test("readPassword takes the first line of the file, as it is now", () => {
  const settings = { etcdUser: "alder", etcdPasswordFile: password };
  const access = parseEtcdUrl("etcd://a", settings);
  expect(readPassword(access)).toBe("sesame");
  writeFileSync(password, "changed");
  expect(readPassword(access)).toBe("changed");
  expect(readPassword(parseEtcdUrl("etcd://a", { etcdUser: "x", etcdPassword: "y" }))).toBe("y");
});
