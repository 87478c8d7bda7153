/**
 * "OCIC" in the SQLite header's application id (offset 68) tells our files from everybody else's, FORMAT in its user
 * version (offset 60) tells what is in it.
 *
 * `history` has a row for every write, in order; a deletion is a write with version 0. `latest` is the newest history row
 * of each key without its value, deletions included until compaction takes them. Reading the present is one range scan of
 * `latest`; reading the past follows `previous` from there; a watch reads `history` in order; compaction needs nothing but
 * `previous` to know what a write superseded. Thus a put touches two pages: the end of `history` and the key's in `latest`.
 *
 *     latest   key ─► id ──┐
 *     history  … [id 7: key, rev 5, previous 0] … [id 9: key, rev 7, previous 7] ◄── id
 *
 * Leases are text because their ids fill 64 bits and JavaScript's numbers do not.
 */
export const APPLICATION_ID = 0x4f_43_49_43;
export const FORMAT = 1;

export const SCHEMA = `
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

CREATE TABLE latest (
  key      BLOB PRIMARY KEY,
  id       INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  created  INTEGER NOT NULL,
  version  INTEGER NOT NULL,
  lease    TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX latest_by_lease ON latest (lease) WHERE lease IS NOT NULL;

CREATE TABLE leases (
  id  TEXT PRIMARY KEY,
  ttl INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${FORMAT};
`;
