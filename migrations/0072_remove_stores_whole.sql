-- What a tenant keeps goes with its store, whatever tables that is: they were deleted from by name, and a new table's rows
-- would have outlived their tenant. A sweep of the tests holds each table of tenant_data to it.
ALTER TABLE tenant_data.clients
  DROP CONSTRAINT clients_tenant_id_fkey,
  ADD CONSTRAINT clients_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenant_data.stores ON DELETE CASCADE;
REVOKE ALL ON tenant_data.clients FROM tenantry_provisioning;
