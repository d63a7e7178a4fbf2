# A login that is tied to projects sees nothing of others, whatever view or function it
# asks and however it asks. All of schema errtrack is gone through: a view or function that
# is added later and shows what it should not, or for which there is nothing here that it
# could show, fails.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process 'random_hex';

# Without statistics, so that plans differ in what they meet alone.
my $t = ErrTrack->stack(postgres => { settings => { autovacuum => 'off' } }, redis => { appendonly => 'no' });
$t->create_organization('rival');
my ($own, $foreign) = ($t->project, $t->create_project('vault', 'rival'));
my %word = ($own->{id} => 'ownword', $foreign->{id} => 'rivalsecret');
$t->wait_for_key($foreign);
my ($ann, $bob) = ($t->create_report_user('ann', '--project', 'shop'), $t->create_report_user('bob'));

sub value { my ($as, @query) = @_; my ($row) = $as->(@query); return $row ? $row->[0] : undef }

# The error of what is refused, '' for what is not.
sub refusal { my ($as, $sql) = @_; return eval { $as->($sql); 1 } ? '' : $@ }

# ---- something of each project in each view -------------------------------------------

for my $project ($own, $foreign) {
    my ($word, $event) = ($word{ $project->{id} }, random_hex(16));
    my %to = (project => $project);
    is $t->envelope([ event => { event_id => $event, message => "$word failed", release => $word, environment => $word, logger => $word,
        transaction => $word, user => { id => $word }, tags => { $word => $word } } ], [ attachment => 'bytes', filename => $word ],
        [ user_report => { event_id => $event, name => $word, email => "$word\@example.com", comments => $word } ],
        header => { event_id => $event }, %to)->status, 200, "an event with what belongs to it: $word";
    is $t->envelope([ transaction => { type => 'transaction', transaction => $word, start_timestamp => time - 1, timestamp => time,
        contexts => { trace => { trace_id => random_hex(16), span_id => random_hex(8), op => $word } } } ],
        header => { event_id => random_hex(16) }, %to)->status, 200, 'a transaction';
    is $t->envelope([ session => { sid => random_hex(16), did => $word, started => time, status => 'crashed', init => JSON::PP::true(),
        attrs => { release => $word, environment => $word } } ], %to)->status, 200, 'a session';
    is $t->envelope([ check_in => { monitor_slug => $word, status => 'ok', release => $word, environment => $word } ], %to)->status, 200,
        'a check-in';
    is $t->envelope([ client_report => { discarded_events => [ { reason => $word, category => 'error', quantity => 1 } ] } ], %to)->status,
        200, 'a client report';
}
eventually { $t->sql_value('select count(distinct project_id) from errtrack.payloads') == 2 } 'events are filed';
for my $project ($own, $foreign) {
    my $word = $word{ $project->{id} };
    $t->sql(q{update errtrack_private.occurrences set request_id = $2 where project_id = $1}, $project->{id}, $word);
    $t->sql(q{insert into errtrack_private.release_commits (project_id, release, position, id, message) values ($1, $2, 0, $2, $2)},
        $project->{id}, $word);
    $t->sql(q{insert into errtrack_private.deploys (project_id, release, environment, name) values ($1, $2, $2, $2)}, $project->{id}, $word);
    # Off, so that nobody tries to send what is for it.
    $t->sql(q{insert into errtrack_private.channels (project_id, name, kind, enabled) values ($1, $2, 'mail', false)}, $project->{id}, $word);
    $t->sql(q{insert into errtrack_private.notifications (project_id, channel_id, kind, notice, last_error)
        select project_id, id, 'test', '{}', $2 from errtrack_private.channels where project_id = $1}, $project->{id}, $word);
}

my @views = map { $_->[0] } $t->sql(q{select c.relname from pg_class c
    where c.relnamespace = 'errtrack'::regnamespace and c.relkind = 'v' order by 1});
my %column = (organizations => "case slug when 'acme' then $own->{id} when 'rival' then $foreign->{id} end");
# The projects whose rows are in a view.
sub shown {
    my ($as, $view) = @_;
    my $column = $column{$view} // 'project_id';
    return join ' ', map { $_->[0] } $as->("select distinct $column from errtrack.$view where $column <> 0 order by 1");
}

for my $view (@views) {
    eventually { shown($bob, $view) eq "$own->{id} $foreign->{id}" } "$view: a login that is not tied sees both projects";
    is shown($ann, $view), $own->{id}, "$view: one that is tied to one sees that one";
}
is value($ann, 'select count(*) from errtrack.requests where project_id = 0'), 0, 'nor does it see what belongs to no project';

# ---- conditions that tell of rows ------------------------------------------------------

# Each column is looked at by a condition that fails for the rows of the foreign project
# alone, and says so. What it tells is left in a setting.
my $pry = <<"SQL";
do \$pry\$
declare
    prying record;
    told text[] := '{}';
begin
    for prying in
        select c.relname as view, a.attname as name
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
        where c.relnamespace = (select oid from pg_namespace where nspname = 'errtrack') and c.relkind = 'v'
        order by 1, a.attnum
    loop
        begin
            execute format('select count(*) from errtrack.%I where case when %I::text ~ ''rivalsecret|^$foreign->{id}\$'' then (%2\$I::text || ''!'')::integer else 1 end = 1',
                           prying.view, prying.name);
        exception when invalid_text_representation then
            told := told || format('%s.%s', prying.view, prying.name);
        end;
        begin
            execute format('select 1 / (%I::text <> ''rivalsecret'')::integer from errtrack.%I', prying.name, prying.view);
        exception when division_by_zero then
            told := told || format('%s.%s', prying.view, prying.name);
        end;
    end loop;
    perform set_config('pry.told', array_to_string(told, ' '), false);
end
\$pry\$;
select current_setting('pry.told');
SQL
is value($ann, $pry), '', 'no condition tells of rows that are not shown';
my %told = map { (split /\./)[0] => 1 } split / /, value($bob, $pry);
is_deeply [ grep { !$told{$_} && $_ ne 'organizations' } @views ], [], 'it would of each view';

# ---- guesses ---------------------------------------------------------------------------

# Whether another project has a certain value: for each column one that only the foreign
# project has, and one that nobody has. Conditions that PostgreSQL takes for harmless, as =,
# need not wait for what decides about rows, and might tell by an error or a delay that comes
# only with the value, or by what "explain analyze" counts.
my $guesses = value($bob, <<"SQL");
do \$guesses\$
declare
    guessed record;
    known text;
    guesses jsonb[] := '{}';
begin
    for guessed in
        select c.relname as view, a.attname as name, w.type, w.wrong,
               case c.relname when 'organizations' then 'slug' else 'project_id' end as owner,
               case c.relname when 'organizations' then '{acme, rival}' else '{$own->{id}, $foreign->{id}}' end::text[] as owners
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and a.attname <> 'project_id'
        join (values ('text', 'nobody has this'), ('uuid', '9d911017-c592-4e1f-8a3d-0123456789ab'), ('bytea', '\\x0123'),
                     ('bigint', '987654321'), ('timestamp with time zone', now()::text)) as w (type, wrong)
          on a.atttypid = w.type::regtype
        where c.relnamespace = 'errtrack'::regnamespace and c.relkind = 'v'
        order by 1, 2
    loop
        execute format('select max(t.%1\$I::text) from errtrack.%2\$I t where t.%3\$I = %5\$L
                            and not exists (select from errtrack.%2\$I o where o.%3\$I = %4\$L and o.%1\$I = t.%1\$I)',
            guessed.name, guessed.view, guessed.owner, guessed.owners[1], guessed.owners[2])
        into known;
        guesses := guesses || case when known is not null then array[to_jsonb(guessed) || jsonb_build_object('right', known)] end;
    end loop;
    perform set_config('pry.guesses', array_to_json(guesses)::text, false);
end
\$guesses\$;
select current_setting('pry.guesses');
SQL
cmp_ok scalar(@{ JSON::PP::decode_json($guesses) }), '>', 60, 'there is much to be guessed';

# The columns about which a guess tells: it looks otherwise than the one that is wrong. A
# guess is a query of a view (%1$I), a column (%2$I) and a value (%3$L) of its type (%4$s).
sub told {
    my ($as, $guess, $types, $settings) = @_;
    return eval { value($as, <<"SQL") } // $@ =~ s/\n.*//sr;
set statement_timeout = '30s';
$settings;
do \$told\$
declare
    guess jsonb;
    tried text;
    line text;
    seen text[];
    told text[] := '{}';
begin
    for guess in select g from jsonb_array_elements(\$json\$$guesses\$json\$) as g loop
        continue when guess ->> 'type' !~ '$types';
        seen := '{"", ""}';
        foreach tried in array array['right', 'wrong'] loop
            begin
                for line in execute format(\$guess\$$guess\$guess\$, guess ->> 'view', guess ->> 'name', guess ->> tried, guess ->> 'type') loop
                    -- What was asked is no news.
                    continue when line ~ '^ *(Index Cond|Recheck Cond|Filter|Join Filter|One-Time Filter): ';
                    seen[1] := seen[1] || line;
                end loop;
            exception when division_by_zero then
                seen[1] := seen[1] || sqlerrm;
            end;
            seen := array[seen[2], seen[1]];
        end loop;
        told := told || case when seen[1] <> seen[2] then array[format('%s.%s', guess ->> 'view', guess ->> 'name')] end;
    end loop;
    perform set_config('pry.told', array_to_string(told, ' '), false);
end
\$told\$;
select current_setting('pry.told');
SQL
}

my ($fails, $waits) = ('(select 1 / (random() * 0)::integer > 0)', '(select pg_sleep(60) is null)');
my ($counts, $from) = ('explain (analyze, costs off, timing off, summary off) select count(*) from', 'select count(*) from errtrack.%1$I where');
my %plans = ('walking through tables' => 'set enable_indexscan = off; set enable_bitmapscan = off; set enable_indexonlyscan = off',
    'by indexes' => 'set enable_seqscan = off');
for my $way (sort keys %plans) {
    for (
        [ 'one that fails for the value', "$from case when %2\$I = %3\$L then $fails end" ],
        [ 'one that fails after the value', "$from %2\$I = %3\$L and case when %2\$I is not null then $fails end" ],
        [ 'one that fails for what is equal to two', "$from %2\$I = %3\$L and (%2\$I = %3\$L) = $fails" ],
        [ 'one that waits', "$from case when %2\$I = %3\$L then $waits end" ],
        [ 'a plan that counts', "$counts errtrack.%1\$I where %2\$I = %3\$L" ],
        [ 'a join', "$counts (values (%3\$L::%4\$s)) as g (v) join errtrack.%1\$I on %2\$I = g.v" ])
    {
        my ($label, $guess) = @$_;
        is told($ann, $guess, '.', $plans{$way}), '', "$label tells nothing ($way)";
    }
    # PostgreSQL thinks that this costs nothing, and asks it before all else. Of the names by
    # which a tied login finds things along an index it tells, as README.md of sql/ says.
    is told($ann, "$from case when (select jsonb_build_object(%3\$L, 1))[%2\$I] is not null then $fails end", '^text$', $plans{$way}),
        $way eq 'by indexes' ? '' : 'check_ins.environment check_ins.slug deploys.release issue_parts.first_release issue_tags.key '
            . 'issue_tags.value release_commits.release tag_keys.key tags.key tags.value',
        "one that is free tells of nothing but keys ($way)";
}
cmp_ok scalar(split / /, told($bob, "$from case when %2\$I = %3\$L then $fails end", '.', 'set jit = off')), '>', 60,
    'it would tell who sees the rows';

# ---- functions -------------------------------------------------------------------------

my $issue = $t->sql_value('select short_id from errtrack.issues where project_id = $1', $foreign->{id});
my %value = (project => "'rival/vault'", issue => "'$issue'", release => "'rivalsecret'", request_id => "'rivalsecret'",
    since => "now() - interval '1 day'", until => "now() + interval '1 minute'");
for my $function ($t->sql(q{
    select p.proname, p.pronargs - p.pronargdefaults, p.provolatile, array_to_string(p.proargnames[1:p.pronargs], ' '),
           pg_get_function_identity_arguments(p.oid)
    from pg_proc p where p.pronamespace = 'errtrack'::regnamespace and p.prokind = 'f' order by 1}))
{
    my ($name, $needed, $volatile, $names, $arguments) = @$function;
    my @names = split / /, $names // '';
    if ($volatile eq 'i') {
        unlike "@names", qr/project|issue/, "$name($arguments) computes, and reads nothing";
        next;
    }
    # Once with what it needs, and with each of the others that is about somebody's data.
    for my $more (undef, grep { exists $value{$_} } @names[ $needed .. $#names ]) {
        my @given = (@names[ 0 .. $needed - 1 ], defined $more ? $more : ());
        is_deeply [ grep { !exists $value{$_} } @given ], [], "$name: this test knows what to ask for" or next;
        my $call = "select f::text from errtrack.$name(" . join(', ', map { "$_ => $value{$_}" } @given) . ') f';
        unlike value($bob, $call) // '', qr/^(?:0?|\(0?\))\z/, "$name(@given) answers about another project";
        like refusal($ann, $call), qr/there is no (?:project|issue) /, 'for a login that is tied that is not there';
        if (grep { $_ eq 'issue' } @given and grep { $_ eq 'project' } @given) {
            like refusal($ann, $call =~ s/rival\/vault/shop/r), qr/there is no issue /, 'nor is it by its own project';
        }
    }
}
like refusal($ann, "select errtrack.project_id('$foreign->{id}')"), qr/there is no project "$foreign->{id}"/, 'by its number neither';
is value($ann, "select count(*) from errtrack.request_events('shop', 'rivalsecret')"), 0, 'and by a request of another project nothing is found';

# ---- ways around ------------------------------------------------------------------------

my $count = 'select count(*) from errtrack.issues';
is value($ann, "set role errtrack_report; $count"), 1, 'the role of the group shows no more';
is value($ann, "prepare p as $count; set role errtrack_report; execute p"), 1, 'nor does a prepared statement';
is value($ann, "begin; declare c cursor for select project_id from errtrack.issues; set local role errtrack_report; fetch 10 from c; rollback"),
    $own->{id}, 'nor a cursor';
like refusal($ann, $_), qr/permission denied|must be member/, "refused: $_"
    for 'set session authorization bob', 'set role bob', q{select set_config('role', 'bob', false)},
    q{select set_config('session_authorization', 'bob', false)}, 'set role errtrack_maintain';
is value(sub { $t->sql(@_) }, "set role ann; $count"), 1, 'who takes on the role sees what it does';

$t->sql(q{create schema analysts authorization bob; grant usage on schema analysts to ann});
$bob->("set default_transaction_read_only = off; $_") for
    'create view analysts.all_issues as select * from errtrack.issues; grant select on analysts.all_issues to ann',
    'create function analysts.count_issues() returns bigint language sql stable security definer as $$ select count(*) from errtrack.issues $$',
    'create function analysts.as_text(value text) returns boolean language plpgsql immutable cost 0.001 as
        $$ begin if value ~ $r$rivalsecret$r$ then raise exception $m$told %$m$, value; end if; return true; end $$';
is value($bob, 'select analysts.count_issues()'), 2, 'a view and functions of a login that sees all';
is value($ann, 'select count(*) from analysts.all_issues'), 1, 'the view shows a tied one no more';
is value($ann, 'select analysts.count_issues()'), 1, 'nor does the function, which runs as its owner';
is value($ann, 'select count(*) from errtrack.issues where analysts.as_text(title)'), 1, 'and one that tells what it is given is not given more';
like refusal($bob, 'select count(*) from errtrack.issues where analysts.as_text(title)'), qr/told rivalsecret/, 'which it would';
is value($ann, q{select count(*) from pg_stats where schemaname like 'errtrack%'}), 0, 'statistics of the planner are not shown';

# ---- ties that change ------------------------------------------------------------------

$t->sql('insert into errtrack_private.report_projects (login, project_id) values ($1, $2)', 'ann', $foreign->{id});
is value($ann, $count), 2, 'a login may be tied to several projects';
$t->sql(q{delete from errtrack_private.report_projects where login = 'ann'});
is value($ann, $count), 0, 'and sees nothing when none is left';

$t->done;
