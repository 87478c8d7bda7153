/**
 * "OCIC" in the SQLite header's application id (offset 68) tells our files from everybody else's, FORMAT in its user
 * version (offset 60) tells what is in it.
 *
 * `history` has a row for every write, in order; a deletion is a write with version 0. That is all that is stored of keys:
 * what there is at present is found by reading it once, at the start (key-index.ts), and so a put touches one page, the
 * last. Reading the past follows `previous` from the present; a watch reads `history` in order; compaction needs nothing but
 * `previous` to know what a write superseded.
 *
 *     … [id 7: key, rev 5, previous 0] … [id 9: key, rev 7, previous 7] …
 *
 * Leases are text because their ids fill 64 bits and JavaScript's numbers do not.
 */
export const APPLICATION_ID = 0x4f_43_49_43;
export const FORMAT = 3;

/** Who may do what (auth/). */
const AUTH = `
CREATE TABLE users (
  name   TEXT PRIMARY KEY,
  secret TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE roles (
  name TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE user_roles (
  user TEXT NOT NULL,
  role TEXT NOT NULL,
  PRIMARY KEY (user, role)
) STRICT, WITHOUT ROWID;

CREATE TABLE permissions (
  role      TEXT NOT NULL,
  key       BLOB NOT NULL,
  range_end BLOB NOT NULL,
  rights    INTEGER NOT NULL,
  PRIMARY KEY (role, key, range_end)
) STRICT, WITHOUT ROWID;
`;

/**
 * What makes a file of an earlier format one of the next, by the format it has. The pragma before any table, or before a
 * VACUUM, lets a file give space back piece by piece (storage/shrink.ts).
 */
export const UPGRADES: Readonly<Record<number, string>> = {
  1: `BEGIN IMMEDIATE; ${AUTH} PRAGMA user_version = 2; COMMIT`,
  // It had the newest write of each key besides.
  2: "BEGIN IMMEDIATE; DROP TABLE latest; PRAGMA user_version = 3; COMMIT",
};
export const SHRINKABLE = "PRAGMA auto_vacuum = INCREMENTAL";

export const SCHEMA = `${AUTH}
CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE history (
  id       INTEGER PRIMARY KEY,
  revision INTEGER NOT NULL,
  key      BLOB NOT NULL,
  created  INTEGER NOT NULL,
  version  INTEGER NOT NULL,
  lease    TEXT,
  previous INTEGER NOT NULL,
  value    BLOB NOT NULL
) STRICT;

CREATE TABLE leases (
  id  TEXT PRIMARY KEY,
  ttl INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${FORMAT};
`;
