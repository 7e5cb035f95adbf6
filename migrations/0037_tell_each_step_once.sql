-- A step that was done is told of in the transaction of the event that ran it; a crash between the two must not swallow it.
ALTER TABLE provisioning.steps ADD COLUMN told boolean NOT NULL DEFAULT true;
