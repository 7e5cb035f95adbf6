-- What super-admins look for: a company by its address, and Stripe's events by tenant and by type (some of which have
-- thousands of rows a day). Of type by what it begins with: hence the collation.
CREATE INDEX tenants_by_company_email ON platform.tenants (lower(company_email));
CREATE INDEX stripe_events_by_tenant ON billing.stripe_events (tenant_id, received_at DESC, stripe_event_id DESC);
CREATE INDEX stripe_events_by_type ON billing.stripe_events (type COLLATE "C", received_at DESC);
