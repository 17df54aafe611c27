// IP-in-IP on a real kernel: this machine's may have no ipip module, a User Mode Linux guest always has.

import { testInUml } from "../support/uml-tests.ts";
import { guests } from "./guests.ts";

testInUml("in User Mode Linux", "kernel-ipip/guest.ts", guests, 900_000);
