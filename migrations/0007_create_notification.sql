-- Schema notification: what was sent to whom about which event.
CREATE SCHEMA notification;
REVOKE ALL ON SCHEMA notification FROM PUBLIC;

CREATE TABLE notification.deliveries (
  notification_id uuid        PRIMARY KEY,   -- derived from event, template and recipient: an event is notified once
  tenant_id       text        NOT NULL,
  event_id        uuid        NOT NULL,
  template        text        NOT NULL,
  channel         text        NOT NULL CHECK (channel IN ('email', 'webhook')),
  recipient       text        NOT NULL,
  locale          text        NOT NULL,
  state           text        NOT NULL CHECK (state IN ('sent', 'failed')),
  error           text        NOT NULL DEFAULT '',
  at              timestamptz NOT NULL
);
CREATE INDEX deliveries_by_tenant ON notification.deliveries (tenant_id, at);
