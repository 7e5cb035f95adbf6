-- An override of a limit is given for a reason and, where it is said, for a time. Readers look at the end, by the platform's
-- clock; a row that has ended is overwritten by the next of its name.
ALTER TABLE platform.overrides
  ADD COLUMN reason  text NOT NULL DEFAULT '',
  ADD COLUMN ends_at timestamptz;
