-- A retry may fail before the broker's confirm of its message has deleted its row. The next retry is then a row beside
-- it: under one key it would have been taken for the same, and deleted with it.
ALTER TABLE messaging.outbox
  ADD COLUMN retry int NOT NULL DEFAULT 0 CHECK (retry >= 0),  -- which one of the event, in one worker; 0: its first publish
  DROP CONSTRAINT outbox_pkey,
  ADD PRIMARY KEY (id, exchange, routing_key, retry);
