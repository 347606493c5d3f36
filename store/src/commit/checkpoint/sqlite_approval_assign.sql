insert into approval_assignee (organization_id, approval_id, assignee)
values (?1, ?2, ?3)
on conflict do nothing
