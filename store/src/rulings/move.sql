-- only what rests, was not written since, and is on the version that it leaves
update execution
set
    version_id = $4,
    version_number = $5,
    queue = $6,
    deadline_at_ms = $7,
    rules = $9,
    epoch = epoch + 1,
    seq = seq + 1
where id = $1 and organization_id = $2 and seq = $3 and version_id = $8 and status in (2, 3, 4) and worker_id is null
returning epoch
