declare const macBrand: unique symbol;

/** A 48-bit MAC address in canonical text: six lower-case hex pairs joined by colons. */
export type Mac = string & { readonly [macBrand]: true };

/** Parses `ee:ee:ee:ee:ee:ee` (either case). Throws TypeError. */
export function parseMac(text: string): Mac {
  if (!/^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$/.test(text)) throw new TypeError(`"${text}" is not a MAC address`);
  return text.toLowerCase() as Mac;
}

/** From six bytes. */
export function formatMac(bytes: Uint8Array): Mac {
  if (bytes.length !== 6) throw new TypeError(`a MAC address has 6 bytes, not ${bytes.length}`);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":") as Mac;
}
