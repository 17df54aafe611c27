/** The settings of the etcd datastore: how to get in. */
import type { Setting } from "./setting.ts";

/** How to reach etcd; the paths are those of PEM files. */
export interface EtcdSettings {
  /** TLS is used where this or `etcdCert` is given. */
  readonly etcdCa?: string | undefined;
  readonly etcdCert?: string | undefined;
  readonly etcdKey?: string | undefined;
  readonly etcdUser?: string | undefined;
  readonly etcdPassword?: string | undefined;
  /** Its first line is the password. */
  readonly etcdPasswordFile?: string | undefined;
}

export const ETCD_SETTINGS: readonly Setting[] = [
  {
    name: "etcdCa",
    flag: "--etcd-ca <file>",
    help: "PEM file of the authorities that etcd's certificate may be from",
    type: "text",
    otherwise: "no TLS, or with --etcd-cert the usual authorities",
    needsRestart: true,
  },
  {
    name: "etcdCert",
    flag: "--etcd-cert <file>",
    help: "PEM file of this client's certificate for etcd",
    type: "text",
    needsRestart: true,
  },
  {
    name: "etcdKey",
    flag: "--etcd-key <file>",
    help: "PEM file of the certificate's key",
    type: "text",
    needsRestart: true,
  },
  {
    name: "etcdUser",
    flag: "--etcd-user <name>",
    help: "user of etcd",
    type: "text",
    needsRestart: true,
  },
  {
    name: "etcdPasswordFile",
    flag: "--etcd-password-file <file>",
    help: "file with the user's password in its first line",
    type: "text",
    needsRestart: true,
  },
  {
    name: "etcdPassword",
    help: "the user's password itself; it has no flag, since command lines can be seen",
    type: "text",
    isSecret: true,
    needsRestart: true,
  },
];
