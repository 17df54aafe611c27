/** `--port`, of commands that look into packets. */
import { Option } from "commander";
import { VXLAN_PORT } from "../../encap/header/vxlan.ts";
import { readNumber } from "./read-number.ts";

/** What Linux used before there was an assignment, and flannel still does. */
const VXLAN_PORT_OF_OLD = 8472;

export function vxlanPortOption(): Option {
  return new Option("--port <number>", "one more UDP port that VXLAN comes to (several allowed)")
    .argParser((text: string, ports: number[]) => [...ports, readNumber("--port", text, 1, 65_535)])
    .default([VXLAN_PORT, VXLAN_PORT_OF_OLD], `${VXLAN_PORT} and ${VXLAN_PORT_OF_OLD}`);
}
