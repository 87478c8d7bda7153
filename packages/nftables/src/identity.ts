/** 16 characters of base64url = 96 bits: enough that two rules of a cluster never share one by accident. Not for secrets. */
export function identityHash(text: string): string {
  const lanes = absorb(text);
  for (let round = 0; round < 3; round++) stir(lanes);
  return base64url(lanes);
}

type Lanes = [number, number, number];

const MULTIPLIERS: Readonly<Lanes> = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d];
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Each character enters every lane, and each lane leans on its neighbour. */
function absorb(text: string): Lanes {
  const lanes: Lanes = [text.length ^ 0x243f6a88, 0x13198a2e, 0x03707344];
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    lanes[0] = Math.imul(rotate(lanes[0] ^ unit, 13) ^ lanes[2], MULTIPLIERS[0]);
    lanes[1] = Math.imul(rotate(lanes[1] ^ unit, 17) ^ lanes[0], MULTIPLIERS[1]);
    lanes[2] = Math.imul(rotate(lanes[2] ^ unit, 19) ^ lanes[1], MULTIPLIERS[2]);
  }
  return lanes;
}

/** So that the last character reaches every bit. */
function stir(lanes: Lanes): void {
  for (const index of [0, 1, 2] as const) {
    let lane = lanes[index] ^ lanes[index === 0 ? 2 : ((index - 1) as 0 | 1)];
    lane = Math.imul(lane ^ (lane >>> 16), 0x7feb352d);
    lane = Math.imul(lane ^ (lane >>> 15), 0x846ca68b);
    lanes[index] = lane ^ (lane >>> 16);
  }
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

/** 96 bits, highest first, six a character. */
function base64url(lanes: Lanes): string {
  let text = "";
  let waiting = 0;
  let bits = 0;
  for (const lane of lanes) {
    for (let shift = 24; shift >= 0; shift -= 8) {
      waiting = (waiting << 8) | ((lane >>> shift) & 255);
      for (bits += 8; bits >= 6; bits -= 6) text += ALPHABET[(waiting >> (bits - 6)) & 63];
      waiting &= (1 << bits) - 1;
    }
  }
  return text;
}
