/** Who there is and what they may do, as the file holds it. */
export interface AuthFacts {
  /** False: everybody may do everything, whatever else stands here. */
  readonly enabled: boolean;
  readonly users: ReadonlyMap<string, User>;
  readonly roles: ReadonlyMap<string, readonly Permission[]>;
}

export interface User {
  /** What passwords.ts made of the password; undefined: nobody can log in as this user. */
  readonly secret: string | undefined;
  /** In order of their names. */
  readonly roles: readonly string[];
}

/** Keys as a range request names them (storage/key-range.ts). */
export interface Permission {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  readonly read: boolean;
  readonly write: boolean;
}

/** The user who must exist, with the role of the same name, before users are asked for at all. */
export const ROOT = "root";
