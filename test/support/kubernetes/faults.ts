/** What can be made to go wrong with the test server; everything is off at first. */

export interface Refused {
  readonly code: number;
  /** Seconds, as the header says it. */
  readonly retryAfter?: number;
  /** Requests that are refused; all of them without. */
  times?: number;
  /** Only those for this kind. */
  readonly plural?: string;
}

export class Faults {
  /** The next watches are answered with HTTP 410. */
  goneAtStart = 0;
  /** The next watches begin with an ERROR event of code 410, within an answer of status 200. */
  goneInStream = 0;
  /** Pages of a list, after its first, that are answered with 410. */
  goneInList = 0;
  /** Milliseconds before each answer. */
  delay = 0;
  /** Refuses with any other code: 403, 429, 500, 503. */
  refused: Refused | undefined;
  /** Watches are open and say nothing, not even that their time is up. */
  isMute = false;

  /** The code to refuse with, if this request is one to refuse. */
  takeRefusal(plural: string): Refused | undefined {
    const { refused } = this;
    if (refused === undefined || (refused.plural ?? plural) !== plural) return undefined;
    if (refused.times === undefined) return refused;
    if (refused.times === 0) return undefined;
    refused.times--;
    return refused;
  }

  take(name: "goneAtStart" | "goneInStream" | "goneInList"): boolean {
    if (this[name] === 0) return false;
    this[name]--;
    return true;
  }
}
