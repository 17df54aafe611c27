/** A certificate for the loopback, made when a test server starts; nothing of it is kept. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

export interface Certificate {
  /** PEM; also the authority that vouches for it. */
  readonly cert: string;
  readonly key: string;
}

const COMMAND =
  "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout - -days 2 -subj /CN=causeway-test";
const NAMES = "subjectAltName=DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1";

export async function makeCertificate(): Promise<Certificate> {
  const words = [...COMMAND.split(" "), "-addext", NAMES];
  const { stdout } = await promisify(execFile)("openssl", words);
  const part = (what: string): string => {
    const end = `-----END ${what}-----\n`;
    const text = stdout.slice(stdout.indexOf(`-----BEGIN ${what}-----`));
    return text.slice(0, text.indexOf(end) + end.length);
  };
  return { cert: part("CERTIFICATE"), key: part("PRIVATE KEY") };
}
