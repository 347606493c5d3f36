-- `"$user"` in the search path is the role of the moment, so the path is written out first
select set_config(
    'search_path',
    (select string_agg(quote_ident(name), ', ') from unnest(current_schemas(false)) as name),
    false
);
set role sluice_tenant
