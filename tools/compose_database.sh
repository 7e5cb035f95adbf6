#!/bin/sh
# Run once by the postgres image: roles, then the database they use.
set -e
TENANTRY_OWNER_PASSWORD=owner TENANTRY_SERVICE_PASSWORD=service psql -U postgres -v ON_ERROR_STOP=1 -f /roles.sql
psql -U postgres -v ON_ERROR_STOP=1 -c 'CREATE DATABASE tenantry OWNER tenantry_owner'
