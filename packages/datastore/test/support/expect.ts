import { expect } from "vitest";
import { DatastoreError, type DatastoreErrorCode } from "../../src/errors.ts";

/** Asserts that a call rejects with a code, and hands the error over. */
export async function failsWith(call: Promise<unknown>, code: DatastoreErrorCode): Promise<DatastoreError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof DatastoreError)) throw new Error(`expected DatastoreError ${code}`, { cause: error });
  expect(error.code).toBe(code);
  return error;
}
