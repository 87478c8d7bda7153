import { OcicatError } from "@ocicat/kit";

/** errno's names and numbers, of those that this fake answers with. */
const NUMBERS = { EPERM: 1, ENOENT: 2, EBUSY: 16, EEXIST: 17, EINVAL: 22, EOPNOTSUPP: 95 } as const;

export type RefusalErrno = keyof typeof NUMBERS;

/** One message refused. */
export class Refusal extends Error {
  readonly errno: RefusalErrno;

  constructor(errno: RefusalErrno, what: string) {
    super(what);
    this.errno = errno;
  }
}

/** As the kernel's side of @ocicat/linux reports a refusal: errno's name and number, and which messages it was about. */
export class FakeNftError extends OcicatError {
  readonly errno: RefusalErrno;
  readonly number: number;
  readonly refused: readonly { readonly sequence: number; readonly errno: RefusalErrno; readonly message: string }[];

  constructor(refusal: Refusal, sequence: number) {
    super({ code: `KERNEL_${refusal.errno}`, what: `nftables: ${refusal.errno}`, why: refusal.message });
    this.errno = refusal.errno;
    this.number = NUMBERS[refusal.errno];
    this.refused = [{ sequence, errno: refusal.errno, message: refusal.message }];
  }
}
