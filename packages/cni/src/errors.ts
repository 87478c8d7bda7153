import { type ErrorDetails, isOcicatError, OcicatError, toError } from "@ocicat/kit";
import type { CniVersion } from "./version.ts";

/** Codes of the CNI specification ("Error" section; 50 and 51 since 1.1.0), and from 100 on our own. */
export const CniCode = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  ioFailure: 5,
  decodeFailure: 6,
  invalidConfig: 7,
  tryAgainLater: 11,
  unavailable: 50,
  limitedConnectivity: 51,
  refused: 100,
  checkFailed: 101,
  internal: 999,
} as const;
export type CniCode = (typeof CniCode)[keyof typeof CniCode];

/** What a plugin prints when it fails: the specification's error object. */
export interface CniErrorJson {
  readonly cniVersion: CniVersion;
  readonly code: number;
  readonly msg: string;
  readonly details: string;
}

/** An error with two codes: the number that runtimes read, and our stable `code`. */
export class CniError extends OcicatError {
  readonly cniCode: CniCode;
  readonly #details: ErrorDetails;

  constructor(cniCode: CniCode, details: ErrorDetails) {
    super({ retryable: cniCode === CniCode.tryAgainLater, ...details });
    this.cniCode = cniCode;
    this.#details = details;
  }

  /**
   * Any failure as a CNI error. One of ours that may succeed later becomes "try again later", any other of ours "refused",
   * each with its own stable code; what nobody threw on purpose is a defect, with code INTERNAL.
   */
  static from(error: unknown): CniError {
    if (error instanceof CniError) return error;
    if (isOcicatError(error)) {
      const cniCode = error.retryable ? CniCode.tryAgainLater : CniCode.refused;
      return new CniError(cniCode, { code: error.code, what: error.message, cause: error.cause });
    }
    const { message } = toError(error);
    return new CniError(CniCode.internal, {
      code: "INTERNAL",
      what: `unexpected failure in the agent: ${message}`,
      fix: "this is a defect; the agent's log has the stack",
      cause: error,
    });
  }

  toJson(cniVersion: CniVersion): CniErrorJson {
    const { code, what, where, why, fix } = this.#details;
    const cause = this.cause === undefined ? undefined : toError(this.cause).message;
    const notes = [why, fix, cause === undefined || what.includes(cause) ? undefined : `cause: ${cause}`];
    return {
      cniVersion,
      code: this.cniCode,
      msg: where === undefined ? what : `${where}: ${what}`,
      details: [...notes.filter((note) => note !== undefined && note !== ""), `[${code}]`]
        .join("; ")
        .replace("; [", " ["),
    };
  }
}

/** Code 7: `document` is not valid at `path`, such as `ipam.ipv4_pools[0]`. */
export function invalidConfig(path: string, what: string, fix?: string, document = "network configuration"): CniError {
  const where = `${document}, ${path}`;
  return new CniError(CniCode.invalidConfig, { code: "CNI_INVALID_CONFIG", where, what, fix });
}

/** Code 2: a field that is understood but cannot be honoured. The specification wants key and value in the message. */
export function unsupportedField(key: string, value: string, fix: string): CniError {
  return new CniError(CniCode.unsupportedField, {
    code: "CNI_UNSUPPORTED_FIELD",
    what: `unsupported field in the network configuration: ${key} = ${value}`,
    fix,
  });
}

/** Code 4: the specification wants the variable's name in the message. */
export function invalidEnvironment(variable: string, what: string, fix?: string): CniError {
  return new CniError(CniCode.invalidEnvironment, { code: "CNI_INVALID_ENVIRONMENT", where: variable, what, fix });
}
