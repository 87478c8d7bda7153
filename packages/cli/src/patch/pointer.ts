import { PatchError } from "./error.ts";

/**
 * A JSON pointer (RFC 6901): "" is the whole document, "/a~1b/0" the first item of the member "a/b".
 *
 *     pointer = *( "/" token )        ~0 in a token is ~, ~1 is /
 */
export type Pointer = readonly string[];

/** Throws PatchError. */
export function parsePointer(text: string): Pointer {
  if (text === "") return [];
  if (!text.startsWith("/")) throw new PatchError(`"${text}" is not a JSON pointer`, 'begin it with "/": /spec/cidr');
  return text.slice(1).split("/").map(unescaped);
}

function unescaped(token: string): string {
  if (/~(?![01])/.test(token)) {
    throw new PatchError(`"${token}" has a "~" that stands for nothing`, "write ~0 for ~, and ~1 for /");
  }
  return token.replaceAll("~1", "/").replaceAll("~0", "~");
}

export function formatPointer(pointer: Pointer): string {
  return pointer.map((token) => `/${token.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
