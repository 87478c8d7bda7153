import { type PrinterColumn, resourceSchema } from "./definition.ts";
import type { OpenApi } from "./structural.ts";

/**
 * What IPAM keeps, which no person writes and of which Go's and our JSON must come back as they were: nulls, whole numbers
 * of 64 bits, and fields of later versions.
 */
export interface IpamResource {
  readonly kind: string;
  readonly plural: string;
  readonly columns: readonly PrinterColumn[];
  readonly schema: OpenApi;
}

const KEPT: OpenApi = { "x-kubernetes-preserve-unknown-fields": true };
const integer: OpenApi = { type: "integer", format: "int64" };

function object(properties: Readonly<Record<string, OpenApi>>, required: readonly string[] = []): OpenApi {
  return { type: "object", ...(required.length === 0 ? {} : { required }), properties, ...KEPT };
}

const described = (description: string, schema: OpenApi): OpenApi => ({ description, ...schema });

const blockSpec = object(
  {
    cidr: described("The block's addresses.", { type: "string" }),
    affinity: described("Whose it is: host:<node>, virtual:<owner>, or nobody's.", { type: "string", nullable: true }),
    affinityClaimTime: described("Since when.", { type: "string", nullable: true }),
    allocations: described("By address, counted from the first: null if free, else the place in attributes.", {
      type: "array",
      items: { ...integer, nullable: true },
    }),
    attributes: described("Who holds addresses, and for what.", {
      type: "array",
      nullable: true,
      items: object({
        handle_id: { type: "string", nullable: true },
        secondary: { type: "object", nullable: true, additionalProperties: { type: "string" } },
        alternateOwnerAttrs: { type: "object", nullable: true, additionalProperties: { type: "string" } },
        releasedAt: { type: "string", nullable: true },
      }),
    }),
    unallocated: described("The free ones: given out from the head, taken back at the tail.", {
      type: "array",
      items: integer,
    }),
    sequenceNumber: described("One more at every write; begins with the nanoseconds since 1970.", integer),
    sequenceNumberForAllocation: described("By address: the block's number when it was given out.", {
      type: "object",
      additionalProperties: integer,
    }),
    deleted: described("The block is gone; what is left of it is about to be deleted.", { type: "boolean" }),
    strictAffinity: described("Of old versions; without effect.", { type: "boolean" }),
  },
  ["cidr", "allocations", "unallocated"],
);

const handleSpec = object(
  {
    handleID: described("Who holds the addresses; its own letters, where the name has small ones.", { type: "string" }),
    block: described("How many addresses of which block.", { type: "object", additionalProperties: integer }),
    deleted: described("The handle is gone; what is left of it is about to be deleted.", { type: "boolean" }),
  },
  ["handleID", "block"],
);

export const ipamResources: readonly IpamResource[] = [
  {
    kind: "IPAMBlock",
    plural: "ipamblocks",
    columns: [
      { name: "CIDR", type: "string", jsonPath: ".spec.cidr" },
      { name: "Affinity", type: "string", jsonPath: ".spec.affinity" },
    ],
    schema: resourceSchema("A block of addresses with the state of each. IPAM keeps it.", { spec: blockSpec }),
  },
  {
    kind: "IPAMHandle",
    plural: "ipamhandles",
    columns: [{ name: "Handle", type: "string", jsonPath: ".spec.handleID" }],
    schema: resourceSchema("How many addresses somebody holds in which block. IPAM keeps it.", { spec: handleSpec }),
  },
];
