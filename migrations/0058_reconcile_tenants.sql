-- A saga that brings tenants what a newer version gives them, or what got lost; "kept" is a step that it found done.
ALTER TABLE provisioning.sagas DROP CONSTRAINT sagas_saga_check,
  ADD CONSTRAINT sagas_saga_check CHECK (saga IN ('provision', 'reconcile', 'release'));
ALTER TABLE provisioning.steps DROP CONSTRAINT steps_state_check,
  ADD CONSTRAINT steps_state_check CHECK (state IN ('pending', 'done', 'kept', 'removed', 'failed'));
