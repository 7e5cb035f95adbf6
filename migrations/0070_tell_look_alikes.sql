-- What a company's name may be taken for at a glance (text::look_alike_forms): who shares one is named to super-admins. Names
-- are not refused for it: many are honestly alike.
ALTER TABLE platform.tenants ADD COLUMN look_alikes text[] NOT NULL DEFAULT '{}';
CREATE INDEX tenants_by_look_alikes ON platform.tenants USING gin (look_alikes) WHERE status <> 'deleted';

-- With the name goes what it looked like.
CREATE FUNCTION platform.forget_look_alikes() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.look_alikes := '{}';
  RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION platform.forget_look_alikes() FROM PUBLIC;
CREATE TRIGGER forget_look_alikes BEFORE UPDATE OF company_name ON platform.tenants
  FOR EACH ROW WHEN (NEW.company_name = '') EXECUTE FUNCTION platform.forget_look_alikes();
