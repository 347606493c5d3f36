-- The role that reads on behalf of one organization, which all databases of the server share, and what it may
-- read in this one: tables with a policy, and nothing else. Run after every migration, so that new tables are
-- granted, and so that a role that an administrator makes later is taken up. Where the role may not be made,
-- given or granted to, everything works without the second wall; who asks for it is told what is missing.
do $$
declare
    protected record;
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'sluice_tenant') then
        begin
            create role sluice_tenant nologin nobypassrls;
        exception
            -- another database of the server was quicker
            when duplicate_object or unique_violation then null;
            when insufficient_privilege then return;
        end;
    end if;

    -- superusers may become anybody
    if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
        begin
            grant sluice_tenant to current_user;
        exception
            -- an administrator gave it, or has to; or another database gives it right now
            when insufficient_privilege or internal_error or unique_violation then null;
        end;
    end if;

    begin
        if not has_schema_privilege('sluice_tenant', current_schema(), 'usage') then
            execute format('grant usage on schema %I to sluice_tenant', current_schema());
        end if;
        for protected in
            select relation.relname as name
            from pg_catalog.pg_policy as policy
            join pg_catalog.pg_class as relation on relation.oid = policy.polrelid
            where policy.polname = 'tenant' and relation.relnamespace = current_schema()::regnamespace
        loop
            execute format('grant select on %I.%I to sluice_tenant', current_schema(), protected.name);
        end loop;
    exception
        when insufficient_privilege then null;
    end;
end
$$
