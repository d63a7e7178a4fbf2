-- The functions of the HTTP surfaces take a whole request instead of named parameters.

drop function if exists errtrack_private.list_errors(bytea, bigint, text, text, text, text, integer, text, text);
drop function if exists errtrack_private.get_error(bytea, bigint, bigint);
drop function if exists errtrack_private.update_error(bytea, bigint, bigint, text);
drop function if exists errtrack_private.list_error_events(bytea, bigint, bigint, text, text, integer);
drop function if exists errtrack_private.list_messages(bytea, bigint, integer);
drop function if exists errtrack_private.delete_project_data(bytea, bigint);
drop function if exists errtrack_private.rest_access(bytea, bigint, text);
drop function if exists errtrack_private.rest_list_client_keys(bytea, text, text, integer, integer);
drop function if exists errtrack_private.rest_create_client_key(bytea, text, text);
drop function if exists errtrack_private.rest_delete_client_key(bytea, text, text, bigint);
drop function if exists errtrack_private.refusal(integer, text);
