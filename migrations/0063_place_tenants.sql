-- Who makes a tenant chooses its cell by the region.
GRANT SELECT ON platform.cells TO tenantry_gateway, tenantry_signup;
