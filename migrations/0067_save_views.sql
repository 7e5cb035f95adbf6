-- Views of the console that super-admins have named: an address of ours, which holds all that a view shows.
CREATE TABLE platform.saved_views (
  view_id  uuid        PRIMARY KEY,
  owner    text        NOT NULL,  -- as acts of theirs are on record: a person's id, or <token's name>/<name>
  name     text        NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
  address  text        NOT NULL CHECK (address LIKE '/console%' AND length(address) <= 1000),
  saved_at timestamptz NOT NULL,
  UNIQUE (owner, name)
);
ALTER TABLE platform.saved_views ENABLE ROW LEVEL SECURITY;
ALTER TABLE platform.saved_views FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON platform.saved_views TO tenantry_owner USING (true) WITH CHECK (true);
CREATE POLICY gateway_all ON platform.saved_views TO tenantry_gateway USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON platform.saved_views TO tenantry_gateway;
INSERT INTO housekeeping.rules (relation, reason) VALUES ('platform.saved_views', 'twenty of a super-admin at most');
