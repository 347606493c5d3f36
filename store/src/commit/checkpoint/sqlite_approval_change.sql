update approval
set
    status = coalesce(?3, status),
    decided_at_ms = case when ?3 is not null then ?4 end,
    escalated_role = coalesce(?5, escalated_role),
    expires_at_ms = case when ?7 then ?8 else expires_at_ms end,
    escalate_at_ms = case when ?5 is not null then null when ?7 then ?10 else escalate_at_ms end,
    remind_at_ms = case when ?7 then ?9 else coalesce(?6, remind_at_ms) end,
    mail_at_ms = coalesce(?11, mail_at_ms),
    revision = revision + 1
where id = ?1 and organization_id = ?2 and status = 0
