insert into slot (execution_id, organization_id, workflow_id, key, priority, slots, held)
values ($1, $2, $3, $4, $5, $6, $7)
