-- whether any policy applies to the user of this connection
select coalesce(bool_or(row_security_active(relation.oid)), false) as is_walled_in
from pg_catalog.pg_policy as policy
join pg_catalog.pg_class as relation on relation.oid = policy.polrelid
where policy.polname = 'tenant' and relation.relnamespace = current_schema()::regnamespace
