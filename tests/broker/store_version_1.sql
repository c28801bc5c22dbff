-- A store as the first version of its schema had it, with something of everything.
PRAGMA journal_mode = WAL;
PRAGMA application_id = 1297175636;
CREATE TABLE session (
  id INTEGER PRIMARY KEY,
  client_id TEXT NOT NULL,
  username TEXT,
  expiry_interval INTEGER NOT NULL,
  ended_at REAL
) STRICT;
CREATE TABLE subscription (
  session INTEGER NOT NULL,
  filter TEXT NOT NULL,
  qos INTEGER NOT NULL,
  no_local INTEGER NOT NULL,
  retain_as_published INTEGER NOT NULL,
  retain_handling INTEGER NOT NULL,
  identifier INTEGER NOT NULL,
  PRIMARY KEY (session, filter)
) STRICT, WITHOUT ROWID;
CREATE TABLE message (
  id INTEGER PRIMARY KEY,
  deliveries INTEGER NOT NULL,
  topic TEXT NOT NULL,
  qos INTEGER NOT NULL,
  retain INTEGER NOT NULL,
  expires_at REAL,
  properties BLOB,
  payload BLOB NOT NULL
) STRICT;
CREATE TABLE delivery (
  session INTEGER NOT NULL,
  position INTEGER NOT NULL,
  message INTEGER NOT NULL,
  qos INTEGER NOT NULL,
  retain INTEGER NOT NULL,
  size INTEGER NOT NULL,
  phase INTEGER NOT NULL,
  packet_id INTEGER,
  sent_order INTEGER,
  subscription_ids TEXT,
  share TEXT,
  PRIMARY KEY (session, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE received (
  session INTEGER NOT NULL,
  packet_id INTEGER NOT NULL,
  PRIMARY KEY (session, packet_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE retained (
  topic TEXT PRIMARY KEY,
  qos INTEGER NOT NULL,
  expires_at REAL,
  properties BLOB,
  payload BLOB NOT NULL
) STRICT;
CREATE TABLE will (
  session INTEGER PRIMARY KEY,
  due_at REAL,
  delay INTEGER NOT NULL,
  topic TEXT NOT NULL,
  qos INTEGER NOT NULL,
  retain INTEGER NOT NULL,
  properties BLOB,
  payload BLOB NOT NULL,
  protocol_version INTEGER NOT NULL,
  peer_protocol TEXT NOT NULL,
  peer_address TEXT NOT NULL
) STRICT;
INSERT INTO session VALUES
  (1, 'reader', 'ann', 4294967295, 1700000000000.5),
  (2, 'watcher', NULL, 4294967295, 1700000000000),
  (3, 'connected', NULL, 4294967295, NULL);
INSERT INTO subscription VALUES
  (1, 'a/#', 2, 0, 1, 0, 7),
  (2, 'will', 1, 0, 0, 0, 0);
INSERT INTO message VALUES
  (10, 1, 'a/1', 2, 0, NULL, NULL, CAST('released' AS BLOB)),
  (12, 1, 'a/2', 1, 0, NULL, NULL, CAST('sent' AS BLOB)),
  (14, 1, 'a/3', 1, 1, NULL, x'0100', CAST('queued' AS BLOB));
INSERT INTO delivery VALUES
  (1, 11, 10, 2, 0, 8, 2, 1, 20, '7', NULL),
  (1, 13, 12, 1, 0, 4, 1, 2, 21, '7', NULL),
  (1, 15, 14, 1, 1, 8, 0, NULL, NULL, '7', NULL);
INSERT INTO received VALUES (1, 9);
INSERT INTO retained VALUES
  ('r/1', 1, NULL, NULL, CAST('kept' AS BLOB)),
  ('r/2', 0, NULL, x'0101', x'');
INSERT INTO will VALUES (3, NULL, 0, 'will', 1, 0, NULL, CAST('gone' AS BLOB), 5, 'tcp', '192.0.2.1:1234');
PRAGMA user_version = 1;
