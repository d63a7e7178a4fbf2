-- What is wrong with addresses and headers that people set. The worker asks the same before it
-- sends (worker/web_request.cpp, mail_message.cpp, tracker_gitlab.cpp, tracker_github.cpp), and
-- says it in the same words: t/faults.jsonl has what both are held against. Here it is found
-- when it is set, and not when the first message is due.

create or replace function errtrack_private.url_fault(url text) returns text
language plpgsql immutable
as $$
declare
    scheme constant text := lower(substring(url from '^(.*?)://'));
    authority constant text := substring(url from '://([^/?#]*)');
    in_brackets constant boolean := authority like '[%';
    host constant text := case when in_brackets then substring(authority from '^\[([^]]*)')
                               else split_part(authority, ':', 1) end;
    -- What stands behind the host.
    rest constant text := case when in_brackets then coalesce(substring(authority from '^\[[^]]*\](.*)$'), '')
                               else substr(authority, length(host) + 1) end;
begin
    if octet_length(url) > 2048 then
        return 'it is longer than 2048 bytes';
    elsif url ~ '[^!-~]' or position('\' in url) > 0 then
        return 'it has blanks, control characters, backslashes or letters outside ASCII: write hosts as xn--..., and other characters as %20';
    elsif scheme is null or scheme not in ('http', 'https') then
        return 'it does not begin with http:// or https://';
    elsif position('@' in authority) > 0 then
        return 'it names a user: leave out what stands before the @';
    -- inet takes networks, and parts of an address of IPv4.
    elsif in_brackets and not (authority like '%]%' and host ~ '^[0-9A-Fa-f:]+([0-9]{1,3}(\.[0-9]{1,3}){3})?$'
                               and errtrack_private.is_ipv6(host)) then
        return 'what stands in brackets is no address of IPv6';
    elsif length(host) not between 1 and 253 then
        return 'it has no host: write it like https://hooks.example.com/path';
    elsif not in_brackets and host !~ '^[A-Za-z0-9._-]+$' then
        return 'its host has characters that no name has';
    elsif rest <> '' and rest not like ':%' then
        return 'behind its host stands neither a port nor a path';
    elsif rest <> '' and (rest !~ '^:0*[0-9]{1,5}$' or substr(rest, 2)::numeric not between 1 and 65535) then
        return 'its port is none: use 1 to 65535';
    end if;
    return '';
end
$$;
comment on function errtrack_private.url_fault(text) is
    'What is wrong with the address of a web server, and what to do; empty when it is one.';

create or replace function errtrack_private.mail_address_fault(address text) returns text
language plpgsql immutable
as $$
begin
    if length(address) - length(replace(address, '@', '')) <> 1 then
        return 'write it like user@example.com';
    elsif octet_length(address) > 254 or octet_length(split_part(address, '@', 1)) > 64 then
        return 'it is longer than 64 characters before the @, or than 254 in all';
    elsif split_part(address, '@', 1) !~ '^[A-Za-z0-9!#$%&''*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&''*+/=?^_`{|}~-]+)*$' then
        return 'before the @ stand letters and digits of ASCII, and no other signs than !#$%&''*+-/=?^_`{|}~ and single dots';
    elsif split_part(address, '@', 2) !~ '^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$' then
        return 'behind the @ stands the name of a host, in letters, digits, - and single dots';
    end if;
    return '';
end
$$;
comment on function errtrack_private.mail_address_fault(text) is
    'What is wrong with an address of mail, and what to do; empty when it is one.';

create or replace function errtrack_private.header_fault(line text) returns text
language plpgsql immutable
as $$
declare
    name constant text := split_part(line, ':', 1);
    value constant text := substr(line, length(name) + 2);
begin
    if octet_length(line) > 4096 then
        return 'it is longer than 4096 bytes';
    elsif name !~ '^[A-Za-z0-9!#$%&''*+.^_`|~-]+$' or value ~ '^[ \t-\r]*$' then
        return 'write it like "Authorization: Bearer secret"';
    elsif value ~ '[^ -~\t]' then
        return 'its value has line breaks, control characters or letters outside ASCII';
    elsif lower(name) in ('connection', 'content-length', 'expect', 'host', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade') then
        return name || ' is for the connection to say: leave it out';
    end if;
    return '';
end
$$;
comment on function errtrack_private.header_fault(text) is
    'What is wrong with the line of a header, and what to do; empty when it is one.';

create or replace function errtrack_private.tracker_fault(provider text, url text) returns text
language plpgsql immutable
as $$
declare
    origin constant text := substring(url from '^[^:]*://[^/]*');
    path constant text := substr(rtrim(url, '/'), length(origin) + 2);
    -- GitLab's pages of a project are below "-".
    good constant boolean := not exists (
        select from string_to_table(path, '/') as part where part !~ '^[A-Za-z0-9_.-]+$' or part ~ '^[.-]+$');
    depth constant integer := cardinality(string_to_array(path, '/'));
begin
    if provider = 'gitlab' and not (good and depth >= 2) then
        return format('"%s/%s" is not the address of a project of GitLab: name one like https://gitlab.example.com/acme/shop', origin, path);
    elsif provider = 'github' and not (good and depth = 2) then
        return format('"%s" is not the address of a repository of GitHub: name one like https://github.com/acme/shop', url);
    end if;
    return '';
end
$$;
comment on function errtrack_private.tracker_fault(text, text) is
    'What is wrong with an address of the web as that of a project in a tracker, and what to do; empty when it is one.';

revoke execute on function
    errtrack_private.url_fault(text),
    errtrack_private.mail_address_fault(text),
    errtrack_private.header_fault(text),
    errtrack_private.tracker_fault(text, text)
from public;
