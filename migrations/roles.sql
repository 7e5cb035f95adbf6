-- Login roles, one per service, none of them owner, superuser or able to make roles; one for replays.
-- Run once per cluster by a superuser, with psql, before `tenantry migrate`:
--   TENANTRY_OWNER_PASSWORD=... TENANTRY_SERVICE_PASSWORD=... psql -f migrations/roles.sql
-- (in the environment: arguments are everybody's to read, in /proc)
-- Passwords here are for all services alike; production gives each its own with ALTER ROLE.
\set ON_ERROR_STOP on
\getenv owner_password TENANTRY_OWNER_PASSWORD
\getenv service_password TENANTRY_SERVICE_PASSWORD
SELECT format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS', name)
FROM unnest(ARRAY['tenantry_owner', 'tenantry_gateway', 'tenantry_signup', 'tenantry_provisioning', 'tenantry_billing',
                  'tenantry_metering', 'tenantry_audit', 'tenantry_notification', 'tenantry_runtime',
                  'tenantry_signer', 'tenantry_analyst']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec
-- Makes the databases of `tenantry events replay` and may do nothing in that of the platform, not even connect.
SELECT 'CREATE ROLE tenantry_sandbox LOGIN NOSUPERUSER CREATEDB NOCREATEROLE NOBYPASSRLS'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tenantry_sandbox')
\gexec
ALTER ROLE tenantry_owner PASSWORD :'owner_password';
SELECT format('ALTER ROLE %I PASSWORD %L', rolname, :'service_password') FROM pg_roles
WHERE rolname LIKE 'tenantry\_%' AND rolname <> 'tenantry_owner'
\gexec

-- Every timeout of PostgreSQL is off by default (0): an idle writer would hold back vacuum and the audit cursors.
SELECT format('ALTER ROLE %I SET statement_timeout = %L', rolname, '30s') FROM pg_roles
WHERE rolname LIKE 'tenantry\_%' AND rolname <> 'tenantry_owner'
\gexec
ALTER ROLE tenantry_sandbox SET statement_timeout = '5min';  -- a database made while the disk is busy
SELECT format('ALTER ROLE %I SET lock_timeout = %L', rolname, '10s') FROM pg_roles
WHERE rolname LIKE 'tenantry\_%'
\gexec
SELECT format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', rolname, '60s') FROM pg_roles
WHERE rolname LIKE 'tenantry\_%'
\gexec
ALTER ROLE tenantry_analyst SET default_transaction_read_only = on;
ALTER ROLE tenantry_analyst CONNECTION LIMIT 20;  -- the services need the others
