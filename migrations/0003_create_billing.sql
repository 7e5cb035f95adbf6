-- Schema billing: Stripe's raw events, what they say about subscriptions and payments, invoices.
CREATE SCHEMA billing;
REVOKE ALL ON SCHEMA billing FROM PUBLIC;

-- Each webhook once, by its evt_ id, kept for ever, as the raw bytes that were signed.
CREATE TABLE billing.stripe_events (
  stripe_event_id text        PRIMARY KEY,
  type            text        NOT NULL,
  account         text        NOT NULL DEFAULT '',
  tenant_id       text,
  state           text        NOT NULL CHECK (state IN ('published', 'ignored', 'parked')),
  reason          text        NOT NULL DEFAULT '',
  stated_at       timestamptz NOT NULL,
  body            bytea       NOT NULL,
  body_hash       bytea       NOT NULL,
  received_at     timestamptz NOT NULL
);
CREATE INDEX stripe_events_parked ON billing.stripe_events (received_at) WHERE state = 'parked';

CREATE TABLE billing.customers (
  stripe_customer_id text        PRIMARY KEY,
  tenant_id          text        NOT NULL,
  created_at         timestamptz NOT NULL
);
CREATE INDEX customers_by_tenant ON billing.customers (tenant_id);

-- The newest statement about each Stripe subscription.
CREATE TABLE billing.stripe_subscriptions (
  stripe_subscription_id text        PRIMARY KEY,
  tenant_id              text        NOT NULL,
  stripe_customer_id     text        NOT NULL DEFAULT '',
  status                 text        NOT NULL,
  price_id               text        NOT NULL DEFAULT '',
  quantity               bigint      NOT NULL DEFAULT 0,
  current_period_start   timestamptz,
  current_period_end     timestamptz,
  cancel_at              timestamptz,
  canceled_at            timestamptz,
  ended_at               timestamptz,
  cancel_at_period_end   boolean     NOT NULL DEFAULT false,
  stated_at              timestamptz NOT NULL,
  stated_rank            int         NOT NULL DEFAULT 0,
  stripe_event_id        text        NOT NULL DEFAULT ''
);
CREATE INDEX stripe_subscriptions_by_tenant ON billing.stripe_subscriptions (tenant_id);

-- The newest statement about each payment object (invoice, checkout session, charge, dispute).
CREATE TABLE billing.payments (
  stripe_object_id       text        PRIMARY KEY,
  tenant_id              text        NOT NULL,
  state                  text        NOT NULL CHECK (state IN ('succeeded', 'failed', 'refunded', 'disputed')),
  stripe_subscription_id text        NOT NULL DEFAULT '',
  amount_minor           bigint      NOT NULL,
  currency               text        NOT NULL,
  stated_at              timestamptz NOT NULL,
  stripe_event_id        text        NOT NULL DEFAULT ''
);
CREATE INDEX payments_by_tenant ON billing.payments (tenant_id, stated_at);

-- What billing decided for a tenant: one row each.
CREATE TABLE billing.accounts (
  tenant_id          text        PRIMARY KEY,
  state              text        NOT NULL CHECK (state IN ('none', 'current', 'past_due', 'ended')),
  -- When the present lapse began; NULL while nothing is owed.
  past_due_since     timestamptz,
  paid_at            timestamptz,  -- the newest statement of a payment or an active subscription
  failed_at          timestamptz,  -- the newest statement of a failed one
  ended_at           timestamptz,  -- the newest statement that the subscription is over
  updated_at         timestamptz NOT NULL
);

CREATE TABLE billing.invoices (
  stripe_invoice_id text        PRIMARY KEY,
  tenant_id         text        NOT NULL,
  number            text        NOT NULL DEFAULT '',
  amount_minor      bigint      NOT NULL,
  currency          text        NOT NULL,
  url               text        NOT NULL DEFAULT '',
  issued_at         timestamptz NOT NULL
);
CREATE INDEX invoices_by_tenant ON billing.invoices (tenant_id, issued_at);
