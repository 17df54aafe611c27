/** Where etcd is and how one gets in: from `[flannel+]etcd://HOST:PORT,…?prefix=/calico` and the settings. */
import { readFileSync } from "node:fs";
import type { EtcdSettings } from "../../config/etcd-settings.ts";
import { CausewayError, errnoOf, reasonOf } from "../../errors.ts";

export interface EtcdAccess {
  /** As the operator wrote it. It never has secrets in it. */
  readonly url: string;
  /** "HOST:PORT", at least one. */
  readonly endpoints: readonly string[];
  /** Without a slash at its end, for example "/calico". */
  readonly prefix: string;
  readonly settings: EtcdSettings;
}

export interface Tls {
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
}

/** What is below which keys, by scheme. */
const PREFIXES = { etcd: "/calico", "flannel+etcd": "/coreos.com/network" } as const;
type Scheme = keyof typeof PREFIXES;
const PORT = 2379;

/** @throws CausewayError `bad-config` */
export function parseEtcdUrl(url: string, settings: EtcdSettings): EtcdAccess {
  const [, scheme = "", authority = "", query = ""] =
    /^((?:flannel\+)?etcd):\/\/([^/?#]*)\/?(?:\?([^#]*))?$/.exec(url) ?? fail(url, formOf(url));
  if (authority.includes("@")) {
    // The URL is shown in many places.
    fail(url.replace(/\/\/.*@/, "//...@"), "no user and password in here; use --etcd-user");
  }
  const endpoints = authority.split(",").map((text) => endpoint(url, text));
  const options = new URLSearchParams(query);
  for (const name of options.keys()) {
    if (name !== "prefix") fail(url, `no such option "${name}"; ${formOf(url)}`);
  }
  const prefix = options.get("prefix") ?? PREFIXES[scheme as Scheme];
  if (!/^\/[^/]+(\/[^/]+)*\/?$/.test(prefix)) fail(url, `prefix "${prefix}" is no path`);
  const access = { url, endpoints, prefix: prefix.replace(/\/$/, ""), settings };
  checkSettings(access);
  return access;
}

/** The TLS files as they are now; undefined where none is named. @throws CausewayError `bad-config` */
export function readTls({ settings }: EtcdAccess): Tls | undefined {
  const { etcdCa, etcdCert, etcdKey } = settings;
  if (etcdCa === undefined && etcdCert === undefined) return undefined;
  return {
    ca: etcdCa === undefined ? undefined : readSetting("--etcd-ca", etcdCa),
    cert: etcdCert === undefined ? undefined : readSetting("--etcd-cert", etcdCert),
    key: etcdKey === undefined ? undefined : readSetting("--etcd-key", etcdKey),
  };
}

/** The password as it is now. @throws CausewayError `bad-config` */
export function readPassword({ settings }: EtcdAccess): string {
  const { etcdPassword, etcdPasswordFile } = settings;
  if (etcdPasswordFile === undefined) return etcdPassword ?? "";
  const [first = ""] = readSetting("--etcd-password-file", etcdPasswordFile)
    .toString("utf8")
    .split(/\r?\n/, 1);
  return first;
}

function checkSettings(access: EtcdAccess): void {
  const { etcdCert, etcdKey, etcdUser, etcdPassword, etcdPasswordFile } = access.settings;
  if ((etcdCert === undefined) !== (etcdKey === undefined)) {
    throw new CausewayError("bad-config", "--etcd-cert and --etcd-key: one is of no use alone");
  }
  const hasPassword = etcdPassword !== undefined || etcdPasswordFile !== undefined;
  if (hasPassword && etcdUser === undefined) {
    throw new CausewayError("bad-config", "an etcd password without --etcd-user");
  }
  if (etcdUser !== undefined && !hasPassword) {
    const what = `no password for --etcd-user ${etcdUser}`;
    const hint = "give --etcd-password-file, or set CAUSEWAY_ETCD_PASSWORD";
    throw new CausewayError("bad-config", what, { hint });
  }
  readTls(access);
  readPassword(access);
}

function formOf(url: string): string {
  const scheme: Scheme = url.startsWith("flannel+") ? "flannel+etcd" : "etcd";
  return `use ${scheme}://HOST:PORT[,HOST:PORT...][?prefix=${PREFIXES[scheme]}]`;
}

function endpoint(url: string, text: string): string {
  const [, host, port] = /^(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  const number = port === undefined ? PORT : Number(port);
  if (host === undefined || number < 1 || number > 65_535) {
    fail(url, `"${text}" is no HOST:PORT; ${formOf(url)}`);
  }
  return `${host}:${number}`;
}

function readSetting(flag: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const reason = errnoOf(error) === "ENOENT" ? "there is no such file" : reasonOf(error);
    const what = `cannot read ${flag} ${path}: ${reason}`;
    throw new CausewayError("bad-config", what, { cause: error });
  }
}

function fail(url: string, reason: string): never {
  throw new CausewayError("bad-config", `--datastore "${url}": ${reason}`);
}
