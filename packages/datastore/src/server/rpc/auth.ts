import { create } from "@bufbuild/protobuf";
import type { GrpcRouter } from "../../grpc/index.ts";
import { Permission_Type, PermissionSchema } from "../../proto/auth_pb.ts";
import {
  Auth,
  AuthDisableResponseSchema,
  AuthEnableResponseSchema,
  AuthenticateResponseSchema,
  AuthRoleAddResponseSchema,
  AuthRoleDeleteResponseSchema,
  AuthRoleGetResponseSchema,
  AuthRoleGrantPermissionResponseSchema,
  AuthRoleListResponseSchema,
  AuthRoleRevokePermissionResponseSchema,
  AuthUserAddResponseSchema,
  AuthUserChangePasswordResponseSchema,
  AuthUserDeleteResponseSchema,
  AuthUserGetResponseSchema,
  AuthUserGrantRoleResponseSchema,
  AuthUserListResponseSchema,
  AuthUserRevokeRoleResponseSchema,
} from "../../proto/rpc_pb.ts";
import { type AuthFacts, type Permission, ROOT, type User } from "../auth/facts.ts";
import { Passwords } from "../auth/passwords.ts";
import { type EtcdFault, etcdError } from "../errors.ts";
import type { AuthTable } from "../storage/auth-table.ts";
import type { Services } from "./services.ts";

/** A change of users or roles: it may look at the facts as they are, and throws GrpcError if it cannot be. */
type Change = (table: AuthTable, facts: AuthFacts) => void;

/** Users and roles as etcd has them: what `etcdctl user`, `role` and `auth` ask for. */
export function serveAuth(router: GrpcRouter, { identity, commits, gate, tokens }: Services): void {
  const passwords = new Passwords();
  const header = () => identity.headerAt(commits.durableRevision);

  /** In the order of all writes, each change seeing those before it; calls are judged by it once it is on the disk. */
  const change = async (apply: Change) => {
    await commits.submit((writer) => {
      apply(writer.auth, writer.auth.read());
      writer.afterCommit(() => gate.update(writer.auth.read()));
    });
    return { header: header() };
  };

  router.unary(Auth.method.authEnable, async (_request, { headers }) => {
    gate.caller(headers).isAdmin();
    const done = await change((table, { users }) => {
      const root = users.get(ROOT) ?? refuse("rootMissing");
      if (!root.roles.includes(ROOT)) refuse("rootWithoutRole");
      table.enable(true);
    });
    return create(AuthEnableResponseSchema, done);
  });

  router.unary(Auth.method.authDisable, async (_request, { headers }) => {
    gate.caller(headers).isAdmin();
    const done = await change((table) => table.enable(false));
    tokens.revoke();
    return create(AuthDisableResponseSchema, done);
  });

  // Clients that are given a user name ask this first, and go on without one when told so.
  router.unary(Auth.method.authenticate, async ({ name, password }) => {
    if (!gate.facts.enabled) refuse("authNotEnabled");
    const secret = gate.facts.users.get(name)?.secret;
    const right = await passwords.verify(password, secret);
    // Changed meanwhile: what was verified is worth nothing.
    if (!right || gate.facts.users.get(name)?.secret !== secret) refuse("authFailed");
    return create(AuthenticateResponseSchema, { header: header(), token: tokens.issue(name) });
  });

  router.unary(Auth.method.userAdd, async ({ name, password, options }, { headers }) => {
    gate.caller(headers).isAdmin();
    if (name === "") refuse("userEmpty");
    if (gate.facts.users.has(name)) refuse("userExists");
    const secret = options?.noPassword ? undefined : await passwords.hash(password);
    const done = await change((table, { users }) => {
      if (users.has(name)) refuse("userExists");
      table.setUser(name, secret);
    });
    return create(AuthUserAddResponseSchema, done);
  });

  router.unary(Auth.method.userGet, ({ name }, { headers }) => {
    const caller = gate.caller(headers);
    if (caller.name !== name || name === "") caller.isAdmin();
    return create(AuthUserGetResponseSchema, { header: header(), roles: [...userIn(gate.facts, name).roles] });
  });

  router.unary(Auth.method.userList, (_request, { headers }) => {
    gate.caller(headers).isAdmin();
    return create(AuthUserListResponseSchema, { header: header(), users: [...gate.facts.users.keys()] });
  });

  router.unary(Auth.method.userDelete, async ({ name }, { headers }) => {
    gate.caller(headers).isAdmin();
    const done = await change((table, facts) => {
      if (facts.enabled && name === ROOT) refuse("invalidManagement");
      userIn(facts, name);
      table.removeUser(name);
    });
    tokens.revoke(name);
    return create(AuthUserDeleteResponseSchema, done);
  });

  router.unary(Auth.method.userChangePassword, async ({ name, password }, { headers }) => {
    gate.caller(headers).isAdmin();
    userIn(gate.facts, name);
    const secret = await passwords.hash(password);
    const done = await change((table, facts) => {
      userIn(facts, name);
      table.setUser(name, secret);
    });
    tokens.revoke(name);
    return create(AuthUserChangePasswordResponseSchema, done);
  });

  router.unary(Auth.method.userGrantRole, async ({ user, role }, { headers }) => {
    gate.caller(headers).isAdmin();
    const done = await change((table, facts) => {
      userIn(facts, user);
      // The role that may do everything needs no permissions, and so need not be there.
      if (role !== ROOT) roleIn(facts, role);
      table.grant(user, role);
    });
    return create(AuthUserGrantRoleResponseSchema, done);
  });

  router.unary(Auth.method.userRevokeRole, async ({ name, role }, { headers }) => {
    gate.caller(headers).isAdmin();
    const done = await change((table, facts) => {
      if (facts.enabled && name === ROOT && role === ROOT) refuse("invalidManagement");
      if (!userIn(facts, name).roles.includes(role)) refuse("roleNotGranted");
      table.revoke(name, role);
    });
    return create(AuthUserRevokeRoleResponseSchema, done);
  });

  router.unary(Auth.method.roleAdd, async ({ name }, { headers }) => {
    gate.caller(headers).isAdmin();
    const done = await change((table, { roles }) => {
      if (name === "") refuse("roleEmpty");
      if (roles.has(name)) refuse("roleExists");
      table.addRole(name);
    });
    return create(AuthRoleAddResponseSchema, done);
  });

  router.unary(Auth.method.roleGet, ({ role }, { headers }) => {
    const caller = gate.caller(headers);
    const own = caller.name === undefined ? undefined : gate.facts.users.get(caller.name)?.roles;
    if (own?.includes(role) !== true) caller.isAdmin();
    const perm = roleIn(gate.facts, role).map(permissionMessage);
    return create(AuthRoleGetResponseSchema, { header: header(), perm });
  });

  router.unary(Auth.method.roleList, (_request, { headers }) => {
    gate.caller(headers).isAdmin();
    return create(AuthRoleListResponseSchema, { header: header(), roles: [...gate.facts.roles.keys()] });
  });

  router.unary(Auth.method.roleDelete, async ({ role }, { headers }) => {
    gate.caller(headers).isAdmin();
    const done = await change((table, facts) => {
      if (facts.enabled && role === ROOT) refuse("invalidManagement");
      roleIn(facts, role);
      table.removeRole(role);
    });
    return create(AuthRoleDeleteResponseSchema, done);
  });

  router.unary(Auth.method.roleGrantPermission, async ({ name, perm }, { headers }) => {
    gate.caller(headers).isAdmin();
    const { key, rangeEnd, permType } = perm ?? create(PermissionSchema);
    const done = await change((table, facts) => {
      roleIn(facts, name);
      const read = permType !== Permission_Type.WRITE;
      table.permit(name, { key, rangeEnd, read, write: permType !== Permission_Type.READ });
    });
    return create(AuthRoleGrantPermissionResponseSchema, done);
  });

  router.unary(Auth.method.roleRevokePermission, async ({ role, key, rangeEnd }, { headers }) => {
    gate.caller(headers).isAdmin();
    const done = await change((table, facts) => {
      const same = (held: Permission) =>
        Buffer.compare(held.key, key) === 0 && Buffer.compare(held.rangeEnd, rangeEnd) === 0;
      if (!roleIn(facts, role).some(same)) refuse("permissionNotGranted");
      table.forbid(role, key, rangeEnd);
    });
    return create(AuthRoleRevokePermissionResponseSchema, done);
  });
}

function userIn({ users }: AuthFacts, name: string): User {
  return users.get(name) ?? refuse("userNotFound");
}

function roleIn({ roles }: AuthFacts, name: string): readonly Permission[] {
  return roles.get(name) ?? refuse("roleNotFound");
}

function permissionMessage({ key, rangeEnd, read, write }: Permission) {
  const both = write ? Permission_Type.READWRITE : Permission_Type.READ;
  return create(PermissionSchema, { key, rangeEnd, permType: read ? both : Permission_Type.WRITE });
}

function refuse(fault: EtcdFault): never {
  throw etcdError(fault);
}
