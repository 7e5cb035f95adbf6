-- What no rule reads still says whose an object is (charge.succeeded: of the customer, which a dispute does not name). Where nobody was
-- known by it when it came, it waits, as what is parked does, for whoever makes one of its objects known.
DROP INDEX billing.stripe_events_parked_by_object;
CREATE INDEX stripe_events_unplaced_by_object ON billing.stripe_events USING gin (object_ids)
  WHERE tenant_id IS NULL AND state IN ('parked', 'ignored');
