/** What `--datastore` says, and what is wrong with it. */
import { CausewayError } from "../errors.ts";

const KINDS =
  "file:DIR, etcd://HOST:PORT[,HOST:PORT...] or kubernetes:, the last two also with flannel+";

export function unknownKind(url: string): CausewayError {
  return new CausewayError("bad-config", `--datastore "${url}": unknown kind; use ${KINDS}`);
}

/**
 * @param url `file:DIR`, a relative DIR is below the working directory; or `file:///DIR`
 * @throws CausewayError `bad-config`
 */
export function directoryOf(url: string): string {
  const rest = url.slice("file:".length);
  const directory = rest.startsWith("///") ? rest.slice(2) : rest;
  if (directory !== "") return directory;
  throw new CausewayError("bad-config", `--datastore "${url}": no directory; use file:DIR`);
}
