# A login that is tied to projects sees nothing of others, whatever view or function it
# asks and however it asks. All of schema errtrack is gone through: a view or function that
# is added later and shows what it should not, or for which there is nothing here that it
# could show, fails.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process 'random_hex';

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
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
