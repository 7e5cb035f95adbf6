-- How many of each tenant's requests were served, by the hour: what an error budget is counted from. A request counts as
-- failed where the answer was a 5xx, and as slow where it took more than 250 ms. Requests that belong to no tenant are
-- the platform's.
CREATE TABLE platform.availability (
  tenant_id text        NOT NULL,
  hour      timestamptz NOT NULL,
  requests  bigint      NOT NULL CHECK (requests >= 0),
  failed    bigint      NOT NULL CHECK (failed BETWEEN 0 AND requests),
  slow      bigint      NOT NULL CHECK (slow BETWEEN 0 AND requests),
  PRIMARY KEY (tenant_id, hour)
);
CREATE INDEX availability_by_hour ON platform.availability (hour);
ALTER TABLE platform.availability ENABLE ROW LEVEL SECURITY;
ALTER TABLE platform.availability FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON platform.availability TO tenantry_owner USING (true) WITH CHECK (true);
CREATE POLICY gateway_all ON platform.availability TO tenantry_gateway USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON platform.availability TO tenantry_gateway;
INSERT INTO housekeeping.rules (relation, keep, over, reason) VALUES
  ('platform.availability', '90 days', 'hour < $1', 'three windows of an error budget');
