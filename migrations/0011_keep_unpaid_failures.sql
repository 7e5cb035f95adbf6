-- A lapse begins at the first failure after the newest payment. Facts arrive in any order, so the account keeps all
-- failures newer than that payment: a payment that arrives late may fall between two of them.
ALTER TABLE billing.accounts ADD COLUMN failures timestamptz[] NOT NULL DEFAULT '{}';
