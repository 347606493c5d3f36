-- what only some checkpoints have: waits, messages to others, approvals
,
-- what wakes the parked ones
waiting as (
    insert into wait (organization_id, execution_id, step_path, kind, due_at_ms, event, correlation, keys, target)
    select
        written.organization_id, written.execution_id, wake.step_path, wake.kind, wake.due_at_ms, wake.event,
        wake.correlation, wake.keys, wake.target
    from written
    cross join lateral json_to_recordset(written.waits::json) as wake (
        step_path text, kind text, due_at_ms int8, event text, correlation text, keys text, target text
    )
    where written.waits is not null
),
-- what others are told
sent as (
    insert into signal (organization_id, execution_id, data, created_at_ms, delivered)
    select written.organization_id, send.execution_id, send.data, written.at_ms, false
    from written
    cross join lateral json_to_recordset(written.sends::json) as send (execution_id uuid, data text)
    where written.sends is not null
),
-- what people are asked
asked as (
    select written.organization_id, written.execution_id, written.workflow_id, one.*
    from written
    cross join lateral json_to_recordset(written.approvals::json -> 'opened') as one (
        id uuid, step_path text, status int2, request text, entity text, entity_id text, quorum int4, allow_self bool,
        requested_at_ms int8, expires_at_ms int8, remind_at_ms int8, escalate_at_ms int8, escalated_role text, mail_at_ms int8,
        assignees json
    )
    where written.approvals is not null
),
-- on whose behalf is told by the execution that nobody above started
opened as (
    insert into approval (
        id, organization_id, execution_id, workflow_id, step_path, status, request, entity, entity_id, quorum, votes,
        allow_self, requester, revision, requested_at_ms, expires_at_ms, remind_at_ms, escalate_at_ms,
        escalated_role, decided_at_ms, mail_at_ms
    )
    select
        asked.id, asked.organization_id, asked.execution_id, asked.workflow_id, asked.step_path, asked.status, asked.request,
        asked.entity, asked.entity_id, asked.quorum, 0, asked.allow_self,
        (
            with recursive above as (
                select execution.parent_id, execution.started_by, 0 as height
                from execution
                where execution.id = asked.execution_id
                union all
                select execution.parent_id, execution.started_by, above.height + 1
                from execution
                join above on execution.id = above.parent_id
            )
            select above.started_by from above order by above.height desc limit 1
        ),
        1, asked.requested_at_ms, asked.expires_at_ms, asked.remind_at_ms, asked.escalate_at_ms,
        asked.escalated_role, case when asked.status <> 0 then asked.requested_at_ms end,
        case when asked.status = 0 then asked.mail_at_ms end
    from asked
),
-- what changes of those that are open
changes as (
    select written.organization_id, one.id, one.status, one.escalated_role, one.remind_at_ms, one.times, one.mail_at_ms, one.at_ms
    from written
    cross join lateral json_to_recordset(written.approvals::json -> 'changed') as one (
        id uuid, status int2, escalated_role text, remind_at_ms int8, times json, mail_at_ms int8, at_ms int8
    )
    where written.approvals is not null
    union all
    select written.organization_id, approval.id, 4::int2, null, null, null, null, written.at_ms
    from written
    join approval on approval.execution_id = written.execution_id and approval.status = 0
    where written.approvals is not null and (written.approvals::json ->> 'withdraws_all')::bool
),
changed as (
    update approval
    set
        status = coalesce(changes.status, approval.status),
        decided_at_ms = case when changes.status is not null then changes.at_ms end,
        escalated_role = coalesce(changes.escalated_role, approval.escalated_role),
        expires_at_ms = case
            when changes.times is null then approval.expires_at_ms
            else (changes.times ->> 'expires_at_ms')::int8
        end,
        escalate_at_ms = case
            when changes.escalated_role is not null then null
            when changes.times is null then approval.escalate_at_ms
            else (changes.times ->> 'escalate_at_ms')::int8
        end,
        remind_at_ms = case
            when changes.times is null then coalesce(changes.remind_at_ms, approval.remind_at_ms)
            else (changes.times ->> 'remind_at_ms')::int8
        end,
        mail_at_ms = coalesce(changes.mail_at_ms, approval.mail_at_ms),
        revision = approval.revision + 1
    from changes
    where approval.id = changes.id and approval.organization_id = changes.organization_id and approval.status = 0
    returning approval.id, approval.organization_id, approval.status, changes.at_ms
),
-- who may decide
assigned as (
    insert into approval_assignee (organization_id, approval_id, assignee)
    select asked.organization_id, asked.id, json_array_elements_text(asked.assignees) from asked
    union
    select organization_id, id, 'role:' || escalated_role from asked where escalated_role is not null
    union
    select organization_id, id, 'role:' || escalated_role from changes where escalated_role is not null
    on conflict do nothing
),
-- what happened to them
noted as (
    insert into approval_event (organization_id, approval_id, kind, detail, at_ms)
    select organization_id, id, 'requested', null, requested_at_ms from asked
    union all
    select organization_id, id, case status when 3 then 'expired' else 'cancelled' end, null, requested_at_ms
    from asked
    where status <> 0
    union all
    select organization_id, id, case status when 3 then 'expired' else 'cancelled' end, null, at_ms from changed where status <> 0
    union all
    select written.organization_id, one.id, one.kind, one.detail, one.at_ms
    from written
    cross join lateral json_to_recordset(written.approvals::json -> 'noted') as one (id uuid, kind text, detail text, at_ms int8)
    where written.approvals is not null
)
