-- entries are never changed
create trigger audit_entry_keeps before update on audit_entry
begin
    select raise(abort, 'the audit log is append-only');
end;

-- and removed only up to the floor that retention has set
create trigger audit_entry_stays before delete on audit_entry
when not exists (select 1 from audit_head where organization_id = old.organization_id and old.seq <= floor_seq)
begin
    select raise(abort, 'the audit log is append-only');
end;
