insert into approval (
    id, organization_id, execution_id, workflow_id, step_path, status, request, entity, entity_id, quorum, votes, allow_self,
    requester, revision, requested_at_ms, expires_at_ms, remind_at_ms, escalate_at_ms, escalated_role, decided_at_ms,
    mail_at_ms
)
select
    ?3, ?2, execution.id, execution.workflow_id, ?4, ?5, ?6, ?7, ?8, ?9, 0, ?10,
    -- on whose behalf is told by the execution that nobody above started
    (
        with recursive above as (
            select own.parent_id, own.started_by, 0 as height
            from execution as own
            where own.id = ?1
            union all
            select parent.parent_id, parent.started_by, above.height + 1
            from execution as parent
            join above on parent.id = above.parent_id
        )
        select above.started_by from above order by above.height desc limit 1
    ),
    1, ?11, ?12, ?13, ?14, ?15, case when ?5 <> 0 then ?11 end,
    case when ?5 = 0 then ?16 end
from execution
where execution.id = ?1
