# Rules for grouping over HTTP: a text with a rule on each line, which is judged as the command
# judges rules, and by which the worker groups what comes after.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' });

sub put { return $t->sentry('PUT', '/projects/acme/shop/', json => {@_}) }
sub rules { return map { "$_->{kind} $_->{place} $_->{rule}" } @{ $t->errtrack(qw(rule list shop --json)) } }

$t->errtrack(qw(rule add shop stack), 'module:old.* -app');
is $t->sentry('GET', '/projects/acme/shop/')->json->{groupingEnhancements}, 'module:old.* -app', 'a rule of the command is shown';

my $answer = put(fingerprintingRules => "# what we know\r\n\r\ntype:Timeout* -> slow title=\"Slow {{ type }}\"\r\n  type:Other -> other # why\n",
    groupingEnhancements => "module:shop.net -app\nfamily:native max-frames=8");
is $answer->status, 200, 'rules are set' or diag $answer->content;
is_deeply [ @{ $answer->json }{qw(fingerprintingRules groupingEnhancements)} ],
    [ "type:Timeout* -> slow title=\"Slow {{ type }}\"\ntype:Other -> other # why", "module:shop.net -app\nfamily:native max-frames=8" ],
    '... and answered, without empty lines and remarks';
my @set = rules();
is_deeply \@set, [ 'fingerprint 1 type:Timeout* -> slow title="Slow {{ type }}"', 'fingerprint 2 type:Other -> other # why',
    'stack 1 module:shop.net -app', 'stack 2 family:native max-frames=8' ], '... as the command lists them, in place of those before';
eventually {
    $t->store({ exception => { type => 'TimeoutError', value => 'x' } });
    $t->sql_value(q(select count(*) from errtrack.issues where title = 'Slow TimeoutError')) == 1
} 'the worker goes by them';

# ---- what cannot be one ------------------------------------------------------------

for my $case (
    [ fingerprintingRules => "type:A -> a\n\nnonsense -> b\ntypo", qr/^fingerprintingRules, line 3: a rule begins with a matcher, name:pattern$/, 'a line without a matcher' ],
    [ fingerprintingRules => 'type:A -> {{ nosuch }}', qr/^fingerprintingRules, line 1: there is no variable "nosuch": use transaction, /, 'an unknown variable' ],
    [ groupingEnhancements => "# a\n# b\nmodule:a +wings", qr/^groupingEnhancements, line 3: there is no action "\+wings": use \+app, /, 'an unknown action' ],
    [ groupingEnhancements => join("\n", ('app:yes -app') x 501), qr/^groupingEnhancements, line 501: a project has at most 500 rules$/, 'too many rules' ],
    [ groupingEnhancements => 'module:' . 'x' x 2000 . ' -app', qr/^groupingEnhancements, line 1: the rule is too long$/, 'a line that is too long' ],
    [ groupingEnhancements => ['app:yes -app'], qr/^groupingEnhancements must be a string$/, 'a list' ],
) {
    my ($name, $value, $why, $label) = @$case;
    $answer = put(name => 'Other', $name => $value);
    is $answer->status, 400, "$label is refused";
    like $answer->json->{detail}, $why, '... with its line';
}
is_deeply [ rules() ], \@set, 'refused rules change nothing';
is $t->sentry('GET', '/projects/acme/shop/')->json->{name}, 'Shop', '... nor what stood beside them';
is put(fingerprintingRules => undef, groupingEnhancements => '')->status, 200, 'an empty text takes all rules away';
is_deeply [ rules() ], [ @set[ 0, 1 ] ], '... and null none';

$t->done;
