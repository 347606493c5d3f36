-- a group in which everybody goes on in the same hands, and which has nothing else to say: the statement of everything
-- else takes twice as long before it has done anything
with
given as (
    select *
    from unnest(
        $1::uuid[], $2::uuid[], $3::uuid[], $4::int4[], $5::int4[], $6::int8[], $7::text[], $8::text[]
    ) with ordinality as given (execution_id, organization_id, worker_id, epoch, seq, at_ms, events, decision, ordinal)
),
-- the same fence, and nothing that an index has: such an update leaves them alone
written as (
    update execution
    set
        seq = execution.seq + 1,
        claims = 0,
        decision = coalesce(given.decision, execution.decision),
        result = null,
        error_code = null,
        error_message = null,
        failed_step = null,
        error_fingerprint = null,
        wake_at_ms = null,
        paused_at_ms = null
    from given
    where
        execution.id = given.execution_id
        and execution.organization_id is not distinct from given.organization_id
        and execution.worker_id is not distinct from given.worker_id
        and execution.epoch = given.epoch
        and execution.seq = given.seq
    returning
        given.ordinal, given.organization_id, given.execution_id, given.epoch, given.events, given.at_ms, execution.seq,
        execution.signals
),
journaled as (
    insert into journal (organization_id, execution_id, seq, epoch, events, at_ms)
    select organization_id, execution_id, seq, epoch, events, at_ms
    from written
)
select ordinal, seq, signals from written
