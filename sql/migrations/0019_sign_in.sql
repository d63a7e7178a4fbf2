-- Sign-in of people with a browser: a session is a token that a cookie carries.

alter table errtrack_private.tokens
    drop constraint tokens_kind_check,
    drop constraint tokens_owner_check,
    add constraint tokens_kind_check check (kind in ('personal', 'gitlab', 'session')),
    add constraint tokens_owner_check check ((kind in ('personal', 'session')) = (user_id is not null));
comment on column errtrack_private.tokens.kind is
    'personal: acts for its user. session: the same, of a browser that signed in with a personal token. gitlab: the shared secret of a GitLab instance, good for every project on the integrated surface; two may be valid while one replaces the other.';

alter table errtrack_private.tokens
    add column made_from bigint references errtrack_private.tokens (id) on delete cascade;
comment on column errtrack_private.tokens.made_from is
    'Of a session the token that it was signed in with: when that is revoked, so is this.';
create index tokens_made_from_idx on errtrack_private.tokens (made_from) where made_from is not null;

create unlogged table errtrack_private.sign_in_failures (
    address inet not null,
    at timestamptz not null default now()
);
create index sign_in_failures_address_at_idx on errtrack_private.sign_in_failures (address, at);
comment on table errtrack_private.sign_in_failures is
    'Attempts to sign in with what is no token, of the last quarter of an hour. May be lost in a crash.';

do $$
begin
    if to_regtype('errtrack_private.answer') is not null then
        alter type errtrack_private.answer add attribute cookie text;
    end if;
end
$$;
