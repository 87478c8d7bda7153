import { create, type DescField, type DescMessage, equals, fromBinary, ScalarType, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, it } from "vitest";
import { MessageWriter } from "../../src/grpc/encode.ts";
import { file_kv } from "../../src/proto/kv_pb.ts";
import { file_rpc } from "../../src/proto/rpc_pb.ts";

const SCHEMAS = [...file_kv.messages, ...file_rpc.messages];
const writer = new MessageWriter();

const numbers = fc.oneof(fc.constantFrom(0, 1, 127, 128, 300, -1, 2 ** 31 - 1, -(2 ** 31)), fc.integer());
const signed = fc.oneof(
  fc.constantFrom(0n, 1n, -1n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);
const unsigned = fc.oneof(
  fc.constantFrom(0n, 127n, 128n, 2n ** 53n + 1n, 2n ** 64n - 1n),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);
const SCALARS: Readonly<Partial<Record<ScalarType, fc.Arbitrary<unknown>>>> = {
  [ScalarType.INT32]: numbers,
  [ScalarType.UINT32]: fc.nat(2 ** 32 - 1),
  [ScalarType.INT64]: signed,
  [ScalarType.UINT64]: unsigned,
  [ScalarType.BOOL]: fc.boolean(),
  [ScalarType.BYTES]: fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.constant(Buffer.alloc(300, 7))),
  [ScalarType.STRING]: fc.string({ unit: "grapheme", maxLength: 10 }),
};

/** Any message of a kind; nested at most so deep. */
function messages(schema: DescMessage, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const members: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of schema.fields) if (field.oneof === undefined) members[field.localName] = values(field, depth);
  for (const oneof of schema.oneofs) {
    const choices = oneof.fields.map((field) =>
      values(field, depth).map((value) =>
        value === undefined ? { case: undefined } : { case: field.localName, value },
      ),
    );
    members[oneof.localName] = fc.oneof(fc.constant({ case: undefined }), ...choices);
  }
  return fc.record(members).map((init) => ({ ...create(schema, init) }));
}

function values(field: DescField, depth: number): fc.Arbitrary<unknown> {
  switch (field.fieldKind) {
    case "scalar":
      return scalars(field.scalar);
    case "enum":
      return fc.constantFrom(...field.enum.values.map(({ number }) => number));
    case "message":
      return depth === 0 ? fc.constant(undefined) : fc.option(messages(field.message, depth - 1), { nil: undefined });
    case "list": {
      const one =
        field.listKind === "message"
          ? depth === 0
            ? undefined
            : messages(field.message, depth - 1)
          : field.listKind === "enum"
            ? fc.constantFrom(...field.enum.values.map(({ number }) => number))
            : scalars(field.scalar);
      return one === undefined ? fc.constant([]) : fc.array(one, { maxLength: 3 });
    }
    case "map":
      throw new Error(`${field.name} is a map, which etcd's API does not have`);
  }
}

function scalars(type: ScalarType): fc.Arbitrary<unknown> {
  const found = SCALARS[type];
  if (found === undefined) throw new Error(`scalar ${type} is not etcd's`);
  return found;
}

it.each(SCHEMAS.map((schema) => [schema.typeName, schema] as const))(
  "%s is written as the library writes it",
  (_name, schema) => {
    fc.assert(
      fc.property(messages(schema, 3), (message) => {
        const whole = create(schema, message);
        const written = writer.encode(schema, whole, 3).subarray(3);
        expect(equals(schema, fromBinary(schema, written), whole)).toBe(true);
        expect(written.equals(toBinary(schema, whole))).toBe(true);
      }),
      { seed: 7, numRuns: 40 },
    );
  },
);

it("what is larger than the buffer is written whole, and the next is not touched by it", () => {
  const schema = SCHEMAS.find(({ typeName }) => typeName === "mvccpb.KeyValue");
  if (schema === undefined) throw new Error("no KeyValue");
  for (const size of [10, 3_000_000, 70_000, 10]) {
    const message = create(schema, { key: Buffer.from("a"), value: Buffer.alloc(size, 3), lease: -5n });
    expect(writer.encode(schema, message, 5).subarray(5).equals(toBinary(schema, message))).toBe(true);
  }
});
