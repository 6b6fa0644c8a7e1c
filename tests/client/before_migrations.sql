-- The layout of a device's store in the last release without numbered steps.
CREATE TABLE IF NOT EXISTS device (
    one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL,
    user_id TEXT NOT NULL DEFAULT '', device_id TEXT NOT NULL DEFAULT '',
    handed INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS heads (
    one INTEGER PRIMARY KEY CHECK (one = 1), token TEXT NOT NULL);
INSERT OR IGNORE INTO device (one, version) VALUES (1, 1);
CREATE TABLE IF NOT EXISTS conversations (
    conversation_id TEXT PRIMARY KEY, cursor INTEGER NOT NULL, delivered INTEGER NOT NULL,
    read INTEGER NOT NULL, mine INTEGER NOT NULL, unsettled INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS markers (
    conversation_id TEXT NOT NULL, user_id TEXT NOT NULL, delivered INTEGER NOT NULL,
    read INTEGER NOT NULL, PRIMARY KEY (conversation_id, user_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
    arrival INTEGER PRIMARY KEY AUTOINCREMENT, conversation_id TEXT NOT NULL, seq INTEGER NOT NULL,
    id TEXT NOT NULL, sender_id TEXT NOT NULL, device_id TEXT NOT NULL, kind TEXT NOT NULL,
    body TEXT NOT NULL, reply_to INTEGER, sent_at INTEGER NOT NULL,
    UNIQUE (conversation_id, seq));
CREATE TABLE IF NOT EXISTS outbox (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, recipient TEXT NOT NULL,
    conversation_id TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, reply_to INTEGER,
    first_sent_at INTEGER);
CREATE TABLE IF NOT EXISTS refused (
    id TEXT PRIMARY KEY, recipient TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
    code TEXT NOT NULL, detail TEXT NOT NULL);
