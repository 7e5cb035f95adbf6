-- A row for each hour, metric and tenant is what grew: 26 million a year at 1,000 tenants of three metrics each. Days and
-- months say as much of a year ago, and they stay.
CREATE INDEX counters_hours_by_age ON metering.counters (window_start) WHERE span = 'hour';
UPDATE housekeeping.rules SET keep = '400 days', over = 'span = ''hour'' AND window_start < $1', batch_rows = 20000,
  reason = 'hours of the last year are looked at; days, months and totals are what tenants and invoices are shown'
  WHERE relation = 'metering.counters'::regclass;

-- Members were forgotten by the age of their window, usage of two years ago thus within the minute it was counted: the next
-- of that member counted again. Since when a member is known is what counts. Those that are there count from today.
ALTER TABLE metering.unique_members ADD COLUMN counted_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX unique_members_by_count ON metering.unique_members (counted_at) WHERE span <> 'total';
DROP INDEX metering.unique_members_by_age;
UPDATE housekeeping.rules SET over = 'span <> ''total'' AND counted_at < $1', reason = 'usage of a window comes within a year of the first'
  WHERE relation = 'metering.unique_members'::regclass;
