with
-- one row for each checkpoint, numbered: two of them may name the same execution, one of them late
given as (
    select *
    from unnest(
        $1::uuid[], $2::uuid[], $3::uuid[], $4::int4[], $5::int4[], $6::int8[], $7::text[], $8::text[], $9::int2[], $10::text[],
        $11::int2[], $12::text[], $13::text[], $14::text[], $15::int8[], $16::text[], $17::text[], $18::int4[], $19::text[],
        $20::text[], $21::int4[], $22::int8[], $23::text[], $25::text[]
    ) with ordinality as given (
        execution_id, organization_id, worker_id, epoch, seq, at_ms, events, decision, status, state, result, error_code,
        error_message, failed_step, wake_at_ms, waits, taken, taken_count, sends, approvals, told_at_most, paused_at_ms, measures,
        failure, ordinal
    )
),
-- only while the claim still holds and nothing was written since; any commit shows that the claim got somewhere.
-- Only the primary key may lead to the row: organization and worker are compared in a way that no index serves,
-- because theirs lead to all rows of the organization and to all that the worker has
written as (
    update execution
    set
        -- whoever was told something while it was about to rest goes on at once; the row is locked, so a delivery
        -- comes either before this and is counted here, or after it and finds it at rest
        status = case
            when given.status in (2, 3, 4) and execution.signals > given.taken_count then 0
            else given.status
        end,
        signals = greatest(execution.signals - given.taken_count, 0),
        -- in the same hands it may stay: the journal goes on from there
        state = case when given.status = 1 then coalesce(given.state, execution.state) else given.state end,
        state_seq = case when given.state is not null then execution.seq + 1 else execution.state_seq end,
        seq = execution.seq + 1,
        claims = 0,
        worker_id = case when given.status = 1 then execution.worker_id end,
        decision = coalesce(given.decision, execution.decision),
        result = given.result,
        error_code = given.error_code,
        error_message = given.error_message,
        failed_step = given.failed_step,
        wake_at_ms = given.wake_at_ms,
        paused_at_ms = given.paused_at_ms,
        pushed_at_ms = case when given.status in (0, 2, 3, 4) then given.at_ms else execution.pushed_at_ms end,
        ended_at_ms = case when given.status >= 5 then given.at_ms end
    from given
    where
        execution.id = given.execution_id
        and execution.organization_id is not distinct from given.organization_id
        and execution.worker_id is not distinct from given.worker_id
        and execution.epoch = given.epoch
        and execution.seq = given.seq
        and (given.told_at_most is null or execution.signals <= given.told_at_most)
    returning
        given.ordinal, given.organization_id, given.execution_id, given.epoch, given.events, given.at_ms, given.waits, given.taken,
        given.sends, given.approvals, given.status as asked, execution.seq, execution.status, execution.signals,
        execution.workflow_id, given.measures, given.failure
),
-- what it counts: added up beforehand for a group that was written as a whole, and here for one of which something came
-- too late. All in the order of their keys: two processes that write the same numbers wait for each other in the same
-- order, and number $24 seldom lets them. It stands before the others because what stands first is done last, so these
-- rows are locked for the shortest time
counted as (
    insert into rollup (organization_id, slice, workflow_id, what, step, bucket, shard, count, total_ms, least_ms, most_ms)
    select organization_id, slice, workflow_id, what, step, bucket, $24::int2, count, total_ms, least_ms, most_ms
    from (
        select *
        from unnest(
            $26::uuid[], $27::int4[], $28::uuid[], $29::int2[], $30::text[], $31::int2[], $32::int8[], $33::int8[],
            $34::int8[], $35::int8[]
        ) as whole (organization_id, slice, workflow_id, what, step, bucket, count, total_ms, least_ms, most_ms)
        where (select count(*) from written) = $36
        union all
        select
            written.organization_id, (written.at_ms / 900000)::int4, written.workflow_id, one.w, one.s, one.b,
            sum(one.n)::int8, sum(one.t)::int8, min(one.l), max(one.h)
        from written
        cross join lateral json_to_recordset(written.measures::json) as one (
            w int2, s text, b int2, n int8, t int8, l int8, h int8
        )
        where written.measures is not null and (select count(*) from written) <> $36
        group by 1, 2, 3, 4, 5, 6
    ) as number
    order by 1, 2, 3, 4, 5, 6
    on conflict on constraint rollup_pkey do update
    set
        count = rollup.count + excluded.count,
        total_ms = rollup.total_ms + excluded.total_ms,
        least_ms = least(rollup.least_ms, excluded.least_ms),
        most_ms = greatest(rollup.most_ms, excluded.most_ms)
),
-- causes of failures that nobody has seen before, in the order of their fingerprints for the same reason
caused as (
    insert into error_group (
        id, organization_id, workflow_id, fingerprint, step, code, message, execution_id, status, first_seen_at_ms
    )
    select
        one.id, written.organization_id, written.workflow_id, one.fingerprint, one.step, one.code, one.message,
        written.execution_id, 0, written.at_ms
    from written
    cross join lateral json_to_record(written.failure::json) as one (
        id uuid, fingerprint text, step text, code text, message text
    )
    where written.failure is not null
    order by written.organization_id, one.fingerprint
    on conflict on constraint error_group_key do nothing
),
-- one journal row for each that was written
journaled as (
    insert into journal (organization_id, execution_id, seq, epoch, events, at_ms)
    select organization_id, execution_id, seq, epoch, events, at_ms
    from written
),
-- whoever leaves the worker's hands leaves no old waits behind
unwaited as (
    delete from wait
    where execution_id = any (array(select written.execution_id from written where written.status <> 1 or written.waits is not null))
),
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
-- signals that were taken in, and all of those that have ended
told as (
    delete from signal
    using written
    where
        signal.execution_id = written.execution_id
        and (
            written.status >= 5
            or (written.taken is not null and signal.position in (select json_array_elements_text(written.taken::json)::int8))
        )
        and (written.taken is not null or written.signals > 0)
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
        requested_at_ms int8, expires_at_ms int8, remind_at_ms int8, escalate_at_ms int8, escalated_role text, assignees json
    )
    where written.approvals is not null
),
-- on whose behalf is told by the execution that nobody above started
opened as (
    insert into approval (
        id, organization_id, execution_id, workflow_id, step_path, status, request, entity, entity_id, quorum, votes,
        allow_self, requester, revision, requested_at_ms, expires_at_ms, remind_at_ms, escalate_at_ms,
        escalated_role, decided_at_ms
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
        asked.escalated_role, case when asked.status <> 0 then asked.requested_at_ms end
    from asked
),
-- what changes of those that are open
changes as (
    select written.organization_id, one.id, one.status, one.escalated_role, one.remind_at_ms, one.at_ms
    from written
    cross join lateral json_to_recordset(written.approvals::json -> 'changed') as one (
        id uuid, status int2, escalated_role text, remind_at_ms int8, at_ms int8
    )
    where written.approvals is not null
    union all
    select written.organization_id, approval.id, 4::int2, null, null, written.at_ms
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
        escalate_at_ms = case when changes.escalated_role is null then approval.escalate_at_ms end,
        remind_at_ms = coalesce(changes.remind_at_ms, approval.remind_at_ms),
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
select ordinal, seq, signals from written
