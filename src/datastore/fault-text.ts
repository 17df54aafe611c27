/** A fault as text. */
import type { ResourceFault } from "../../tunnels/model/snapshot.ts";

/**
 * What follows the place: `IPPool "green"  spec.cidr "10.77.0.0/33": prefix length 33 is over 32`.
 */
export function formatFault({ what, field, value, reason }: ResourceFault): string {
  const place = [field, value].filter((part) => part !== undefined).join(" ");
  const problem = place === "" ? reason : `${place}: ${reason}`;
  return what === undefined ? problem : `${what}  ${problem}`;
}
