import { create } from "@bufbuild/protobuf";
import {
  type Compare,
  Compare_CompareTarget,
  type RangeRequest,
  type RequestOp,
  type ResponseOp,
  ResponseOpSchema,
  type TxnRequest,
  type TxnResponse,
  TxnResponseSchema,
} from "../../proto/rpc_pb.ts";
import { etcdError } from "../errors.ts";
import { keyRange } from "../storage/key-range.ts";
import type { View } from "../storage/view.ts";
import type { Writer } from "../storage/writer.ts";
import { compareHolds } from "./compare.ts";
import type { HeaderAt } from "./messages.ts";
import { admitKept, admitLease, admitRange, deleteRange, put, range } from "./operations.ts";

type Operation = RequestOp["request"];
type Write = Extract<Operation, { case: "requestPut" | "requestDeleteRange" }>;

/**
 * The branch a transaction takes, and those of the transactions in it. All are chosen before anything is written, so that
 * compares of nested transactions judge the store as it was, as etcd's do. (Ranges read what was written before them.)
 */
interface Path {
  readonly succeeded: boolean;
  readonly steps: readonly Step[];
}

type Step =
  | { readonly kind: "range"; readonly request: RangeRequest }
  | { readonly kind: "write"; readonly operation: Write }
  | { readonly kind: "txn"; readonly path: Path };

export function txn(writer: Writer, request: TxnRequest, headerAt: HeaderAt): TxnResponse {
  return run(writer, request, headerAt, {
    admit: (operation) => {
      if (operation.case !== "requestPut") return;
      admitKept(writer, operation.value);
      admitLease(writer, operation.value);
    },
    perform: (operation) => write(writer, operation, headerAt),
  });
}

/** For a transaction without writes in either branch. */
export function readOnlyTxn(view: View, request: TxnRequest, headerAt: HeaderAt): TxnResponse {
  const refuse = (): never => {
    throw new Error("a transaction taken for read-only writes");
  };
  return run(view, request, headerAt, { admit: refuse, perform: refuse });
}

interface Writes {
  admit(operation: Write): void;
  perform(operation: Write): ResponseOp["response"];
}

function run(view: View, request: TxnRequest, headerAt: HeaderAt, writes: Writes): TxnResponse {
  const path = choose(view, request);
  admit(view, path, writes);
  const response = perform(view, path, headerAt, writes);
  response.header = headerAt(view.revision);
  return response;
}

function choose(view: View, request: TxnRequest): Path {
  const succeeded = request.compare.every((compare) => holds(view, compare));
  const operations = succeeded ? request.success : request.failure;
  return { succeeded, steps: operations.map(({ request: operation }) => stepOf(view, operation)) };
}

function stepOf(view: View, operation: Operation): Step {
  switch (operation.case) {
    case "requestRange":
      return { kind: "range", request: operation.value };
    case "requestTxn":
      return { kind: "txn", path: choose(view, operation.value) };
    case "requestPut":
    case "requestDeleteRange":
      return { kind: "write", operation };
    case undefined:
      throw etcdError("keyNotFound");
  }
}

function holds(view: View, compare: Compare): boolean {
  const keys = keyRange(compare.key, compare.rangeEnd);
  return compareHolds(compare, view.entries(keys, { values: compare.target === Compare_CompareTarget.VALUE }));
}

/** Of several faults etcd finds those of writes first. */
function admit(view: View, path: Path, writes: Writes): void {
  const steps = [...stepsOf(path)];
  for (const step of steps) if (step.kind === "write") writes.admit(step.operation);
  for (const step of steps) if (step.kind === "range") admitRange(view, step.request);
}

function* stepsOf(path: Path): Generator<Step, void, undefined> {
  for (const step of path.steps) {
    if (step.kind === "txn") yield* stepsOf(step.path);
    else yield step;
  }
}

/** Without the header's contents: etcd leaves those of nested transactions empty. */
function perform(view: View, path: Path, headerAt: HeaderAt, writes: Writes): TxnResponse {
  const responses = path.steps.map((step) => {
    return create(ResponseOpSchema, { response: performStep(view, step, headerAt, writes) });
  });
  return create(TxnResponseSchema, { header: {}, succeeded: path.succeeded, responses });
}

function performStep(view: View, step: Step, headerAt: HeaderAt, writes: Writes): ResponseOp["response"] {
  switch (step.kind) {
    case "range":
      return { case: "responseRange", value: range(view, step.request, headerAt) };
    case "write":
      return writes.perform(step.operation);
    case "txn":
      return { case: "responseTxn", value: perform(view, step.path, headerAt, writes) };
  }
}

function write(writer: Writer, operation: Write, headerAt: HeaderAt): ResponseOp["response"] {
  switch (operation.case) {
    case "requestPut":
      return { case: "responsePut", value: put(writer, operation.value, headerAt) };
    case "requestDeleteRange":
      return { case: "responseDeleteRange", value: deleteRange(writer, operation.value, headerAt) };
  }
}
