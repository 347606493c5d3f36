with
-- one row for each start. What would be awaited by an execution that lives no more is forsaken: nothing of it is
-- recorded. No lock keeps a parent from ending at this very moment, or starts and checkpoints would wait for each
-- other in circles: whoever ends a parent looks afterwards for what it leaves behind, and whoever takes up a child
-- first looks whether its parent lives. Both look after the commits of their own, so one of them sees the other
given as (
    select
        asked.*,
        case
            when asked.awaited then (
                select count(*)
                from execution as parent
                where
                    parent.id = asked.parent_id
                    and parent.organization_id is not distinct from asked.organization_id
                    and parent.ended_at_ms is null
            ) = 0
            else false
        end as forsaken
    from unnest(
        $1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::int4[], $6::text[], $7::int2[], $8::text[], $9::int2[], $10::text[],
        $11::uuid[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::int8[], $18::int8[], $19::text[],
        $25::int2[], $26::uuid[], $27::uuid[], $28::text[], $29::bool[]
    ) as asked (
        id, organization_id, workflow_id, version_id, version_number, key, priority, queue, trigger_type, trigger_data,
        event_id, started_by, input, labels, idempotency_key, fingerprint, queued_at_ms, deadline_at_ms, events,
        depth, parent_id, rerun_of, rules, awaited
    )
),
-- idempotency keys that are new, or so old that they count no more; a key in use returns no row
reserved as (
    insert into start_key (organization_id, key, execution_id, fingerprint, created_at_ms)
    select organization_id, idempotency_key, id, fingerprint, queued_at_ms
    from given
    where idempotency_key is not null and not forsaken
    order by organization_id, idempotency_key
    on conflict on constraint start_key_pkey do update
    set execution_id = excluded.execution_id, fingerprint = excluded.fingerprint, created_at_ms = excluded.created_at_ms
    where start_key.created_at_ms <= excluded.created_at_ms - $24
    returning execution_id
),
-- starts without a key, and those that got theirs
fresh as (
    select given.*
    from given
    where not forsaken and (idempotency_key is null or id in (select execution_id from reserved))
),
-- queued, and due to be pushed again unless claimed soon
recorded as (
    insert into execution (
        id, organization_id, workflow_id, version_id, version_number, status, key, priority, queue, trigger_type, trigger_data,
        event_id, started_by, input, labels, seq, epoch, claims, idempotency_key, queued_at_ms, deadline_at_ms, pushed_at_ms,
        depth, parent_id, rerun_of, rules, awaited
    )
    select
        id, organization_id, workflow_id, version_id, version_number, 0, key, priority, queue, trigger_type, trigger_data,
        event_id, started_by, input, labels, 1, 0, 0, idempotency_key, queued_at_ms, deadline_at_ms, queued_at_ms,
        depth, parent_id, rerun_of, rules, awaited
    from fresh
    returning id
),
-- the first row of each journal
journaled as (
    insert into journal (organization_id, execution_id, seq, epoch, events, at_ms)
    select organization_id, id, 1, 0, events, queued_at_ms
    from fresh
),
-- one row for each label
labelled as (
    insert into execution_label (organization_id, name, value, execution_id)
    select label.organization_id, label.name, label.value, label.execution_id
    from unnest($20::uuid[], $21::uuid[], $22::text[], $23::text[]) as label (execution_id, organization_id, name, value)
    where label.execution_id in (select id from fresh)
)
select id, false from recorded
union all
select id, true from given where forsaken
