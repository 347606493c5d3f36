-- only while the claim still holds and nothing was written since; any commit shows that the claim got somewhere
update execution
set
    -- whoever was told something while it was about to rest goes on at once
    status = case when ?8 in (2, 3, 4) and signals > ?15 then 0 else ?8 end,
    signals = max(signals - ?15, 0),
    -- in the same hands it may stay: the journal goes on from there
    state = case when ?8 = 1 then coalesce(?9, state) else ?9 end,
    state_seq = case when ?9 is not null then seq + 1 else state_seq end,
    seq = seq + 1,
    claims = 0,
    worker_id = case when ?8 = 1 then worker_id end,
    decision = coalesce(?7, decision),
    result = ?10,
    error_code = ?11,
    error_message = ?12,
    failed_step = ?13,
    -- of those that failed: what its cause is told apart by
    error_fingerprint = case when ?8 = 6 then ?19 end,
    wake_at_ms = ?14,
    paused_at_ms = ?17,
    -- seldom another one: null leaves it, and less than nothing is none
    deadline_at_ms = case when ?18 is null then deadline_at_ms when ?18 >= 0 then ?18 end,
    pushed_at_ms = case when ?8 in (0, 2, 3, 4) then ?6 else pushed_at_ms end,
    ended_at_ms = case when ?8 >= 5 then ?6 end
where id = ?1 and organization_id = ?2 and worker_id = ?3 and epoch = ?4 and seq = ?5 and (?16 is null or signals <= ?16)
returning signals
