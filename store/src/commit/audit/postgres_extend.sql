-- entries behind the head that is known, if the log still ends there
with head as (
    update audit_head
    set seq = $25, hash = $26, seal = $27
    where organization_id = $21 and seq = $22 and hash = $23 and seal = $24
    returning organization_id
)
insert into audit_entry (
    organization_id, seq, id, at_ms, actor_id, actor_kind, actor_name, action, outcome, code,
    target_type, target_id, target_name, changes, reason, remote_address, user_agent, request_id,
    previous_hash, hash
)
select given.*
from
    head,
    unnest(
        $1::uuid[], $2::int8[], $3::uuid[], $4::int8[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
        $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[],
        $19::text[], $20::text[]
    ) as given
