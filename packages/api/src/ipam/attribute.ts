import { IpamCorruptError } from "./errors.ts";
import { type JsonObject, ObjectReader, toGoJson } from "./json.ts";

/** Marks the addresses that Windows keeps for itself: they do not count as a block's use. */
export const WINDOWS_RESERVED_HANDLE = "windows-reserved-ipam-handle";

/** Who holds an address, as given to an allocation. */
export interface Owner {
  readonly handleId: string;
  /** `pod`, `namespace`, `node`, `timestamp`, `type`, …: for people and for garbage collection. */
  readonly attributes: Readonly<Record<string, string>>;
}

/**
 * One entry of a block's `attributes`: what addresses with the same owner share.
 *
 *     {"handle_id":"k8s-pod-network.4f2a…","secondary":{"namespace":"default","node":"node1","pod":"web-1",…}}
 *     {"releasedAt":"2026-11-21T02:19:57Z"}                    free again, but not to be given away yet
 *
 * The JSON it came from is kept as it is: what this version does not know (`alternateOwnerAttrs`, …) is written back.
 */
export class AllocationAttribute {
  /** Cut at the first carriage return: a migration from host-local once stored the line end with it. */
  readonly handleId: string | undefined;
  readonly secondary: Readonly<Record<string, string>>;
  /** Since when the address has been cooling down, RFC 3339. */
  readonly releasedAt: string | undefined;
  readonly #stored: JsonObject;
  #json: string | undefined;

  private constructor(
    handleId: string | undefined,
    secondary: Readonly<Record<string, string>>,
    releasedAt: string | undefined,
    stored: JsonObject,
  ) {
    this.handleId = handleId;
    this.secondary = secondary;
    this.releasedAt = releasedAt;
    this.#stored = stored;
  }

  static ofOwner(owner: Owner): AllocationAttribute {
    const names = Object.keys(owner.attributes).sort();
    const secondary = Object.fromEntries(names.map((name) => [name, owner.attributes[name] ?? ""]));
    const stored = { handle_id: owner.handleId, secondary };
    return new AllocationAttribute(cutHandleId(owner.handleId), secondary, undefined, stored);
  }

  /** `at`: RFC 3339 with whole seconds. */
  static released(at: string): AllocationAttribute {
    return new AllocationAttribute(undefined, {}, at, { releasedAt: at });
  }

  static decode(key: string, field: string, stored: JsonObject): AllocationAttribute {
    const reader = new ObjectReader(key, `${field}.`, stored);
    const secondary = reader.object("secondary") ?? {};
    const handleId = reader.string("handle_id");
    return new AllocationAttribute(
      handleId === undefined ? undefined : cutHandleId(handleId),
      checkTexts(key, `${field}.secondary`, secondary),
      reader.string("releasedAt"),
      stored,
    );
  }

  /** Who has the addresses besides, `alternateOwnerAttrs`: while a virtual machine moves, its other end. */
  get alternate(): Readonly<Record<string, string>> {
    const { alternateOwnerAttrs } = this.#stored;
    if (typeof alternateOwnerAttrs !== "object" || alternateOwnerAttrs === null) return {};
    const texts = Object.entries(alternateOwnerAttrs).filter((entry): entry is [string, string] => {
      return typeof entry[1] === "string";
    });
    return Object.fromEntries(texts);
  }

  /** The compact JSON it is stored as; equal text means equal attributes. */
  get json(): string {
    this.#json ??= toGoJson(this.#stored);
    return this.#json;
  }
}

export function cutHandleId(id: string): string {
  const end = id.indexOf("\r");
  return end < 0 ? id : id.slice(0, end);
}

function checkTexts(key: string, field: string, object: JsonObject): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(object)) {
    if (typeof value !== "string") throw new IpamCorruptError(key, `${field}.${name}`, "is not a string");
  }
  return object as Readonly<Record<string, string>>;
}
