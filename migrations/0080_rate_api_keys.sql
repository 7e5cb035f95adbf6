-- A key may have a rate of its own, below its tenant's: one machine that runs wild does not use up what all share.
ALTER TABLE platform.api_keys ADD COLUMN requests_per_minute integer CHECK (requests_per_minute > 0);  -- NULL: the tenant's
