import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { AuthFacts, Permission } from "../auth/facts.ts";
import { bytes, columnsOf, integer, text } from "./columns.ts";
import type { MetaTable } from "./meta-table.ts";

const READ = 1;
const WRITE = 2;

/** Users, roles and what they may do. Read whole at the start and after each change; changes are rare. */
export class AuthTable {
  readonly #meta: MetaTable;
  readonly #users: StatementSync;
  readonly #userRoles: StatementSync;
  readonly #roles: StatementSync;
  readonly #permissions: StatementSync;
  readonly #setUser: StatementSync;
  readonly #removeUser: StatementSync;
  readonly #addRole: StatementSync;
  readonly #removeRole: StatementSync;
  readonly #grant: StatementSync;
  readonly #revoke: StatementSync;
  readonly #permit: StatementSync;
  readonly #forbid: StatementSync;

  constructor(db: DatabaseSync, meta: MetaTable) {
    this.#meta = meta;
    this.#users = db.prepare("SELECT name, secret FROM users ORDER BY name");
    this.#userRoles = db.prepare("SELECT role FROM user_roles WHERE user = ? ORDER BY role");
    this.#roles = db.prepare("SELECT name FROM roles ORDER BY name");
    this.#permissions = db.prepare("SELECT key, range_end, rights FROM permissions WHERE role = ? ORDER BY key");
    this.#setUser = db.prepare(
      "INSERT INTO users (name, secret) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET secret = excluded.secret",
    );
    this.#removeUser = db.prepare("DELETE FROM users WHERE name = ?");
    this.#addRole = db.prepare("INSERT INTO roles (name) VALUES (?)");
    this.#removeRole = db.prepare("DELETE FROM roles WHERE name = ?");
    this.#grant = db.prepare("INSERT INTO user_roles (user, role) VALUES (?, ?) ON CONFLICT DO NOTHING");
    this.#revoke = db.prepare("DELETE FROM user_roles WHERE (user = ?1 OR ?1 IS NULL) AND (role = ?2 OR ?2 IS NULL)");
    this.#permit = db.prepare(
      `INSERT INTO permissions (role, key, range_end, rights) VALUES (?, ?, ?, ?)
       ON CONFLICT (role, key, range_end) DO UPDATE SET rights = excluded.rights`,
    );
    this.#forbid = db.prepare(
      "DELETE FROM permissions WHERE role = ?1 AND ((key = ?2 AND range_end = ?3) OR ?2 IS NULL)",
    );
  }

  read(): AuthFacts {
    const users = this.#users.all().map((row) => {
      const [name, secret] = columnsOf(row);
      const roles = this.#userRoles.all(text(name)).map((each) => text(columnsOf(each)[0]));
      return [text(name), { secret: secret === null ? undefined : text(secret), roles }] as const;
    });
    const roles = this.#roles.all().map((row) => {
      const name = text(columnsOf(row)[0]);
      return [name, this.#permissions.all(name).map(permissionOf)] as const;
    });
    return { enabled: this.#meta.get("auth_enabled") === "1", users: new Map(users), roles: new Map(roles) };
  }

  enable(enabled: boolean): void {
    this.#meta.set("auth_enabled", enabled ? "1" : "0");
  }

  /** Adds a user, or gives one another secret. */
  setUser(name: string, secret: string | undefined): void {
    this.#setUser.run(name, secret ?? null);
  }

  removeUser(name: string): void {
    this.#revoke.run(name, null);
    this.#removeUser.run(name);
  }

  addRole(name: string): void {
    this.#addRole.run(name);
  }

  /** Takes it from its users too. */
  removeRole(name: string): void {
    this.#revoke.run(null, name);
    this.#forbid.run(name, null, null);
    this.#removeRole.run(name);
  }

  grant(user: string, role: string): void {
    this.#grant.run(user, role);
  }

  revoke(user: string, role: string): void {
    this.#revoke.run(user, role);
  }

  /** In place of what the role was permitted on the very same range. */
  permit(role: string, { key, rangeEnd, read, write }: Permission): void {
    this.#permit.run(role, key, rangeEnd, (read ? READ : 0) + (write ? WRITE : 0));
  }

  forbid(role: string, key: Uint8Array, rangeEnd: Uint8Array): void {
    this.#forbid.run(role, key, rangeEnd);
  }
}

function permissionOf(row: unknown): Permission {
  const [key, rangeEnd, rights] = columnsOf(row);
  return {
    key: bytes(key),
    rangeEnd: bytes(rangeEnd),
    read: (integer(rights) & READ) !== 0,
    write: (integer(rights) & WRITE) !== 0,
  };
}
