insert into rollup (organization_id, slice, workflow_id, what, step, bucket, shard, count, total_ms, least_ms, most_ms)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (organization_id, slice, workflow_id, what, step, bucket, shard) do update
set
    count = rollup.count + excluded.count,
    total_ms = rollup.total_ms + excluded.total_ms,
    least_ms = case when excluded.least_ms < rollup.least_ms then excluded.least_ms else rollup.least_ms end,
    most_ms = case when excluded.most_ms > rollup.most_ms then excluded.most_ms else rollup.most_ms end
