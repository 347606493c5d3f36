-- until the end of the transaction; the number stands for the schema of this program and nothing else
select pg_advisory_xact_lock(7382915604471)
