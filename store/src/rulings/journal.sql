insert into journal (organization_id, execution_id, seq, epoch, events, at_ms)
values ($1, $2, $3, $4, $5, $6)
