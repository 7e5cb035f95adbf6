-- A row that no broker will ever take is set aside by the relay, where somebody sees it, instead of being tried for ever.
GRANT SELECT, INSERT, UPDATE ON messaging.dead_letters TO tenantry_runtime;
