-- How many mails that others ask for an address had within a day, and how many a tenant caused.
CREATE INDEX deliveries_by_recipient ON notification.deliveries (recipient, at);
