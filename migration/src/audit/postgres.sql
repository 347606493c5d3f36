-- entries are never changed, and removed only up to the floor that retention has set
create function audit_entry_keeps() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        if exists (select from audit_head where organization_id = old.organization_id and old.seq <= floor_seq) then
            return old;
        end if;
    end if;
    raise exception 'the audit log is append-only';
end
$$;

create trigger audit_entry_keeps before update or delete on audit_entry
for each row execute function audit_entry_keeps();

create trigger audit_entry_keeps_all before truncate on audit_entry
for each statement execute function audit_entry_keeps();
