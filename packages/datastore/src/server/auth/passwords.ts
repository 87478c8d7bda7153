import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";

/** 16 MiB and some 40 ms a guess. */
const COST = 2 ** 14;
const BLOCK_SIZE = 8;
const KEY_BYTES = 32;

/**
 * Turns passwords into what is stored of them, `scrypt$cost$salt$key`, and compares. One at a time: the thread pool that
 * this keeps busy is also the one that brings writes to the disk.
 */
export class Passwords {
  #last: Promise<unknown> = Promise.resolve();
  /** What a name that does not exist is compared with, so that it takes as long as one that does. */
  readonly #decoy = randomBytes(KEY_BYTES);

  async hash(password: string): Promise<string> {
    const salt = randomBytes(16);
    const key = await this.#derive(password, salt, COST);
    return ["scrypt", String(COST), salt.toString("base64"), key.toString("base64")].join("$");
  }

  /** `secret` undefined: false, after the same time. */
  async verify(password: string, secret: string | undefined): Promise<boolean> {
    const [scheme, cost = "", salt = "", key = ""] = secret?.split("$") ?? [];
    const known = scheme === "scrypt";
    const expected = known ? Buffer.from(key, "base64") : this.#decoy;
    const found = await this.#derive(password, Buffer.from(salt, "base64"), known ? Number(cost) : COST);
    return found.length === expected.length && timingSafeEqual(found, expected) && known;
  }

  #derive(password: string, salt: Buffer, cost: number): Promise<Buffer> {
    const derived = this.#last.then(() => derive(password, salt, cost));
    this.#last = derived.catch(() => {});
    return derived;
  }
}

function derive(password: string, salt: Buffer, cost: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const options = { cost, blockSize: BLOCK_SIZE, maxmem: 256 * cost * BLOCK_SIZE };
  scrypt(password, salt, KEY_BYTES, options, (error, key) => (error === null ? resolve(key) : reject(error)));
  return promise;
}
