-- Reading the audit log across tenants, and by the clock that nobody outside can set.
--
-- from: and to: of a search are the time of recording, which rises with each tenant's sequence: the primary key serves
-- them, so the index by the time an event claims to have happened goes. The order across tenants is that of transactions
-- (facts of commit order: a sequence or a time of its own would lose what commits late); its index is written at its
-- right edge alone, and a batch's records share one key of it.
DROP INDEX audit.records_by_time;
CREATE INDEX records_by_commit ON audit.records (xid, recorded_at);

-- A super-admin's routes read every tenant's records. As with app.tenant_id, the gateway says for one transaction on
-- whose behalf it reads.
CREATE POLICY all_tenants ON audit.records FOR SELECT TO tenantry_gateway
  USING (current_setting('app.all_tenants', true) = 'on');
CREATE POLICY all_tenants ON audit.heads FOR SELECT TO tenantry_gateway
  USING (current_setting('app.all_tenants', true) = 'on');
