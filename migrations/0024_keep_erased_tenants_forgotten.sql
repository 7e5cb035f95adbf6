-- Stripe goes on sending about a customer whose tenant is erased: that it did is kept, not what it said.
CREATE FUNCTION billing.keep_forgotten() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Only who is deleted is ever erased; an erasure under way holds the tenant, and is awaited.
  PERFORM FROM platform.tenants WHERE tenant_id = NEW.tenant_id AND status = 'deleted' FOR KEY SHARE;
  IF FOUND AND EXISTS (SELECT FROM audit.heads WHERE tenant_id = NEW.tenant_id AND erased_at IS NOT NULL) THEN
    IF TG_TABLE_NAME = 'stripe_events' THEN
      NEW.body := '';
    ELSE
      NEW.url := '';
    END IF;
  END IF;
  RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION billing.keep_forgotten() FROM PUBLIC;

CREATE TRIGGER stripe_events_keep_forgotten BEFORE INSERT OR UPDATE ON billing.stripe_events
  FOR EACH ROW EXECUTE FUNCTION billing.keep_forgotten();
CREATE TRIGGER invoices_keep_forgotten BEFORE INSERT OR UPDATE ON billing.invoices
  FOR EACH ROW EXECUTE FUNCTION billing.keep_forgotten();
