# What people write about an error is listed with its event, whichever of the two comes
# first.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process 'random_hex';

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
my $project = $t->project->{id};

# "kind name message issue" of all that is listed, in the order of the names.
sub listed {
    return [ map { join ' ', map { $_ // 'none' } @$_ } $t->sql(q{select f.kind, f.name, f.message, i.title
        from errtrack.feedback f left join errtrack.issues i using (project_id, issue_id) where f.project_id = $1
        order by f.name}, $project) ];
}

sub booked {
    my ($what) = @_;
    return 0 + $t->sql_value(q{select coalesce(sum(items), 0) from errtrack.outcomes
        where category = 'feedback' and rtrim(outcome || ' ' || reason) = $1}, $what);
}

sub user_report {
    my ($event, $name, $comments) = @_;
    return $t->envelope([ user_report => { event_id => $event, name => $name, email => "$name\@example.com", comments => $comments } ],
        header => { event_id => $event })->status;
}

my ($known, $late) = map { random_hex(16) } 1, 2;
is $t->envelope([ event => { event_id => $known, message => 'broken cart', release => '1.0', environment => 'live' } ],
    header => { event_id => $known })->status, 200, 'an event is taken';
is user_report($known, 'ann', 'I could not pay.'), 200, 'somebody writes about it';
is user_report($late, 'bob', 'It went white.'), 200, 'somebody writes about an event that is not here';
eventually { booked('stored') == 2 } 'both are stored';
is_deeply listed(), [ 'user_report ann I could not pay. broken cart', 'user_report bob It went white. none' ],
    'the first with its issue';
is_deeply [ $t->sql(q{select email, release, environment from errtrack.feedback where name = 'ann'}) ],
    [ [ 'ann@example.com', '1.0', 'live' ] ], 'release and environment are those of the event';
is $t->envelope([ event => { event_id => $late, message => 'white page' } ], header => { event_id => $late })->status, 200,
    'the event comes';
eventually { listed()->[1] eq 'user_report bob It went white. white page' } 'and is listed with what was written before';

is user_report($known, 'ann', 'It works again.'), 200, 'a second report for the same event';
eventually { booked('stored') == 3 } 'is stored';
is_deeply listed(), [ 'user_report ann It works again. broken cart', 'user_report bob It went white. white page' ],
    'in the place of the first';

my $own = random_hex(16);
my $feedback = { contexts => { feedback => { message => 'Where is search?', name => 'eve', contact_email => 'eve@example.com',
    url => 'https://shop.example/', source => 'widget', associated_event_id => $known } }, environment => 'test' };
is $t->envelope([ feedback => $feedback ], header => { event_id => $own })->status, 200, 'feedback of a newer SDK';
is $t->envelope([ feedback => $feedback ], header => { event_id => $own })->status, 200, 'sent again';
is $t->envelope([ feedback => { contexts => { feedback => { message => '' } } } ], header => { event_id => random_hex(16) })->status,
    200, 'and some without a message';
eventually { booked('duplicate') == 1 && booked('invalid invalid_feedback') == 1 } 'are counted as what they are';
is_deeply [ $t->sql(q{select replace(feedback_id::text, '-', ''), message, url, source, environment, release from errtrack.feedback
    where kind = 'feedback'}) ], [ [ $own, 'Where is search?', 'https://shop.example/', 'widget', 'test', '1.0' ] ],
    'feedback is listed once';

is $t->post('/api/embed/error-page/?dsn=' . ($t->dsn =~ s{([:/@])}{sprintf '%%%02X', ord $1}ger) . "&eventId=$late",
    content => 'name=kim&email=kim%40example.com&comments=By+the+dialog.', headers =>
    { 'Content-Type' => 'application/x-www-form-urlencoded' })->status, 200, 'the dialog';
eventually { grep { $_ eq 'user_report kim By the dialog. white page' } @{ listed() } } 'is a user report';

is $t->envelope([ user_report => qq({"event_id":"$own","name":"\\u0000\\ud800","comments":"a\\u0000'b"}) ],
    header => { event_id => $own })->status, 200, 'a report that breaks databases';
eventually { grep { /^user_report .* a.+'b none\z/ } @{ listed() } } 'is listed too';

$t->sql(q{update errtrack_private.feedback set received_at = received_at - interval '11 days' where name = 'bob' or name = 'kim'});
$t->retain(10);
is scalar(grep { /kim/ } @{ listed() }), 0, 'feedback goes with the retention';
is $t->sql_value('select count(*) from errtrack_private.dead_letters'), 0, 'nothing is dead';
is $t->sql_value(q{select errtrack_private.purge_items($1, now() + interval '1 minute', clock_timestamp() + interval '5 s')}, $project), 't',
    'a project is purged';
is_deeply listed(), [], 'and its feedback gone';

$t->done;
