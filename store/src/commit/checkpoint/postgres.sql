with
-- one row for each checkpoint, numbered: two of them may name the same execution, one of them late
given as (
    select *
    from unnest(
        $1::uuid[], $2::uuid[], $3::uuid[], $4::int4[], $5::int4[], $6::int8[], $7::text[], $8::text[], $9::int2[], $10::text[],
        $11::int2[], $12::text[], $13::text[], $14::text[], $15::int8[], $16::text[], $17::text[], $18::int4[], $19::text[],
        $20::text[], $21::int4[], $22::int8[], $23::text[], $25::text[], $37::int8[]
    ) with ordinality as given (
        execution_id, organization_id, worker_id, epoch, seq, at_ms, events, decision, status, state, result, error_code,
        error_message, failed_step, wake_at_ms, waits, taken, taken_count, sends, approvals, told_at_most, paused_at_ms, measures,
        failure, deadline_at_ms, ordinal
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
        -- of those that failed: what its cause is told apart by
        error_fingerprint = case when given.status = 6 then given.failure::json ->> 'fingerprint' end,
        wake_at_ms = given.wake_at_ms,
        paused_at_ms = given.paused_at_ms,
        -- seldom another one: null leaves it, and less than nothing is none
        deadline_at_ms = case
            when given.deadline_at_ms is null then execution.deadline_at_ms
            when given.deadline_at_ms >= 0 then given.deadline_at_ms
        end,
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
)
