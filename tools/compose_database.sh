#!/bin/sh
# Run once by the postgres image: roles, then the database they use.
set -e
psql -U postgres -v ON_ERROR_STOP=1 -v owner_password=owner -v service_password=service -f /roles.sql
psql -U postgres -v ON_ERROR_STOP=1 -c 'CREATE DATABASE tenantry OWNER tenantry_owner'
