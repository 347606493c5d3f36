insert into audit_entry (
    organization_id, seq, id, at_ms, actor_id, actor_kind, actor_name, action, outcome, code,
    target_type, target_id, target_name, changes, reason, remote_address, user_agent, request_id,
    previous_hash, hash
)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)
