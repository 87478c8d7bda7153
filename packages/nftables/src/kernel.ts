/** What this package needs of the kernel; the Kernel of @ocicat/linux has it. Both are synchronous and throw what was refused. */
export interface NftKernel {
  /** One transaction: messages between BATCH_BEGIN and BATCH_END. Taken whole, or refused whole by an error with errno's name in `errno`. */
  nftCommit(batch: Uint8Array): void;
  /** The messages that answer a request, without netlink's header. Throws ENOENT for what is not there, EINTR or EAGAIN for a dump that was disturbed. */
  nftQuery(request: Uint8Array): readonly { readonly type: number; readonly payload: Uint8Array }[];
}

/** errno's name ("EPERM") of an error the kernel's side threw, if that is what it is. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "errno" in error && typeof error.errno === "string" ? error.errno : undefined;
}
