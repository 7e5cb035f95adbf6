-- What is parked for the future, or waits since more was released at once than one transaction takes, is looked for every few
-- seconds; what waits for an admin may be any number of rows and is not looked through for it.
CREATE INDEX stripe_events_due ON billing.stripe_events (stated_at) WHERE state IN ('parked', 'ignored') AND reason IN ('due', 'future');
