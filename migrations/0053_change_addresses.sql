-- Links in mails by which an address is confirmed, changed, and changed back. A link's token is nowhere (ADR 22); what is
-- kept is its hash, until it was used or another was sent in its place.
CREATE TABLE platform.email_links (
  link_id    uuid        PRIMARY KEY,
  user_id    uuid        NOT NULL REFERENCES platform.users ON DELETE CASCADE,
  purpose    text        NOT NULL CHECK (purpose IN ('verify', 'change', 'undo')),
  email      text        NOT NULL,  -- folded: what the person's address is once the link was opened
  token_hash bytea       UNIQUE,    -- NULL: it opens nothing any more
  sent_at    timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX email_links_by_user ON platform.email_links (user_id, purpose, sent_at);
CREATE INDEX email_links_by_end ON platform.email_links (expires_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON platform.email_links TO tenantry_gateway;

INSERT INTO housekeeping.rules (relation, keep, over, reason) VALUES
  ('platform.email_links', '1 day', 'expires_at < $1', 'so many mails a day are sent for a person');
