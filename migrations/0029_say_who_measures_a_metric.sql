-- Limits and bills go by what the platform measures itself. Any role with events:publish could say a million API calls
-- and shut its tenant, or nought bytes and fill it: these metrics are the platform's word alone.
ALTER TABLE metering.metrics ADD COLUMN open boolean NOT NULL DEFAULT true;  -- applications publish it
UPDATE metering.metrics SET open = false WHERE metric IN ('api_calls', 'storage_bytes', 'users');
