insert into execution_label (organization_id, name, value, execution_id)
values (?1, ?2, ?3, ?4)
