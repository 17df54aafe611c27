/**
 * An etcd cluster: its endpoints used in turn, one connection at a time, and the token where it asks
 * for a user. A member that does not answer, or has lost the others, makes the next call go to the
 * next endpoint.
 */
import { type EtcdAccess, readPassword, readTls } from "./access.ts";
import { EtcdError } from "./etcd-error.ts";
import { leaseGrant, leaseRevoke } from "./lease-messages.ts";
import { Member, type MemberTimings, memberTimings, type WatchStream } from "./member.ts";
import {
  authenticate,
  type Call,
  type RangeAnswer,
  type RangeRequest,
  range,
  type TxnAnswer,
  type TxnRequest,
  txn,
} from "./messages.ts";
import { type RangePage, rangePage } from "./range-page.ts";

export class EtcdClient {
  readonly access: EtcdAccess;
  readonly #timings: MemberTimings;
  #at: number;
  #member: Member | undefined;
  #token: Promise<string | undefined> | undefined;

  /** Begins with a random endpoint, so that the nodes of a cluster do not all go to the same. */
  constructor(access: EtcdAccess, timings: Partial<MemberTimings> = {}) {
    this.access = access;
    this.#timings = { ...memberTimings, ...timings };
    this.#at = Math.floor(Math.random() * access.endpoints.length);
  }

  /** "HOST:PORT" of the member in use. */
  get endpoint(): string {
    return this.access.endpoints[this.#at] as string;
  }

  /** Reads as of now (not what a member that is behind has), or as of `revision`. */
  range(request: Partial<RangeRequest> & Pick<RangeRequest, "key">): Promise<RangeAnswer> {
    const { key, rangeEnd = Buffer.alloc(0), limit = 0, revision = 0 } = request;
    const timing = { deadline: this.#timings.call, mayRepeat: true };
    return this.#call(range, { key, rangeEnd, limit, revision }, timing);
  }

  /** As `range`, of many keys. */
  page(request: RangeRequest): Promise<RangePage> {
    return this.#call(rangePage, request, { deadline: this.#timings.page, mayRepeat: true });
  }

  /** A write. It is not repeated where it may have happened. */
  txn(request: TxnRequest): Promise<TxnAnswer> {
    return this.#call(txn, request, { deadline: this.#timings.call, mayRepeat: false });
  }

  /**
   * A lease of about so many seconds; whoever is put under it goes when it ends.
   * @returns its id, and its seconds
   */
  async grantLease(ttl: number): Promise<{ id: number; ttl: number }> {
    // 48 bits of our own: an id that etcd chooses is more than a number holds.
    const id = Math.floor(Math.random() * 2 ** 48) + 1;
    const timing = { deadline: this.#timings.call, mayRepeat: false };
    const granted = await this.#call(leaseGrant, { ttl, id }, timing);
    return { id, ttl: granted.ttl };
  }

  async revokeLease(id: number): Promise<void> {
    await this.#call(leaseRevoke, { id }, { deadline: this.#timings.call, mayRepeat: true });
  }

  async watch(): Promise<WatchStream> {
    return this.#open().watch(await this.#currentToken());
  }

  /** The token is not taken any more; the next call gets a new one. */
  forgetToken(): void {
    this.#token = undefined;
  }

  /** The next call goes to the next endpoint, on a new connection. */
  next(): void {
    this.#member?.retire();
    this.#member = undefined;
    this.#at = (this.#at + 1) % this.access.endpoints.length;
  }

  /** Pending calls and watches end with an error. The client can still be used. */
  close(): void {
    this.#member?.close();
    this.#member = undefined;
  }

  async #call<Request, Answer>(
    call: Call<Request, Answer>,
    value: Request,
    { deadline, mayRepeat }: { deadline: number; mayRepeat: boolean },
  ): Promise<Answer> {
    let attempts = Math.max(2, this.access.endpoints.length);
    let mayAskToken = this.access.settings.etcdUser !== undefined;
    for (;;) {
      const member = this.#open();
      try {
        const token = await this.#currentToken();
        return await member.call(call, value, { deadline, token });
      } catch (error) {
        if (!(error instanceof EtcdError)) throw error;
        if (error.wantsNewToken && mayAskToken) {
          mayAskToken = false;
          this.forgetToken();
          continue;
        }
        attempts--;
        if (error.isOfMember && this.#member === member) this.next();
        const isSafe = error.wasNotSent || (mayRepeat && error.isOfMember);
        if (!isSafe || attempts === 0) throw error;
      }
    }
  }

  #open(): Member {
    this.#member ??= new Member(this.endpoint, readTls(this.access), this.#timings);
    return this.#member;
  }

  /** @throws EtcdError if etcd does not let the user in */
  async #currentToken(): Promise<string | undefined> {
    const { etcdUser } = this.access.settings;
    if (etcdUser === undefined) return undefined;
    this.#token ??= this.#authenticate(etcdUser);
    const asked = this.#token;
    try {
      return await asked;
    } catch (error) {
      if (this.#token === asked) this.#token = undefined;
      throw error;
    }
  }

  async #authenticate(name: string): Promise<string | undefined> {
    const password = readPassword(this.access);
    const deadline = this.#timings.call;
    try {
      const { token } = await this.#open().call(authenticate, { name, password }, { deadline });
      return token;
    } catch (error) {
      // Not yet: whoever turns it on makes users first.
      if (error instanceof EtcdError && /authentication is not enabled/.test(error.message)) {
        return undefined;
      }
      throw error;
    }
  }
}
