/** What the scheduler is told of the threads that move packets. */
import { getPriority, setPriority } from "node:os";

/** More than programs have that nobody reniced, less than what must not wait at all. */
const NICE = -10;

/**
 * Has the calling thread go before programs, as the kernel's own tunnels do: those who send and receive
 * through it would otherwise push it off its core in the middle of a batch. Linux takes "this process"
 * (setpriority(2) with 0) for the thread. Where it has more already, or without CAP_SYS_NICE, everything
 * stays as it is.
 */
export function takePrecedence(): void {
  try {
    if (getPriority() > NICE) setPriority(NICE);
  } catch {
    // It is a matter of speed only.
  }
}
