insert into approval_event (organization_id, approval_id, kind, detail, at_ms)
values (?1, ?2, ?3, ?4, ?5)
