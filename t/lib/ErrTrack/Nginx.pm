package ErrTrack::Nginx;

# A private nginx: a master process in the foreground, two workers, everything
# it writes inside the directory. The configuration is the caller's text with
# words in %%...%% that only the harness knows:
#
#     %%MODULES%%      load_module lines of the two modules
#     %%GLOBALS%%      daemon, pid, error_log, worker_processes
#     %%HTTP%%         temporary folders and the access log, for the http block
#     %%PORT%%         the port of the server; %%PORT_NAME%% is another one for
#                      each NAME, which port('NAME') returns
#     %%REDIS%%        127.0.0.1:PORT
#     %%DATABASE%%     connection string of the role errtrack_query
#     %%TREE%%         the directory of the source
#     %%SECRETS_KEY%%  file of the key that seals secrets
#     %%DIR%%          the directory of the test

use strict;
use warnings;
use parent 'ErrTrack::Service';

use ErrTrack::Ports qw(answers free_port);
use ErrTrack::Process qw(build_dir make_dir others_of process_of read_file root run running secrets_key wait_until
    write_file);

# Where the sample configuration has links lead that others show.
my ($links) = read_file(root() . '/ngx_module/sample.conf') =~ /^        # Where GitLab.*?\n(.*?)^        # The site/ms
    or die 'the sample has no links';

# What a stack gets that does not bring its own: both modules in one server.
our $FULL = <<'CONF';
%%MODULES%%
%%GLOBALS%%
thread_pool errtrack threads=4 max_queue=64;

events {
    worker_connections 512;
}

http {
    %%HTTP%%

    errtrack_redis %%REDIS%%;
    errtrack_zone 8m;
    errtrack_spool "%%DIR%%/spool" free=64m;
    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;
    errtrack_secrets_key_file "%%SECRETS_KEY%%";

    server {
        listen 127.0.0.1:%%PORT%%;

        location ~ /api/([^/]+/(envelope|store|security|csp-report|nel|minidump|events/.+|cron/.+)|store|embed/error-page)/?$ {
            client_max_body_size 0;
            errtrack_ingest;
        }

        location = /errtrack/metrics { errtrack_metrics; }
        location = /errtrack/live { errtrack_health live; }
        location = /errtrack/ready { errtrack_health ready; }

        location /errortracking/api/v1/ {
            errtrack_query;
        }

        location ^~ /api/0/ {
            client_max_body_size 16m;
            errtrack_query;
        }

        location /api/v4/ {
            errtrack_query;
        }

        location /errors/ {
            alias "%%TREE%%/ngx_module/ui/";
            try_files $uri /errors/index.html;
            include "%%TREE%%/ngx_module/ui.conf";
        }

%%LINKS%%    }
}
CONF
$FULL =~ s/%%LINKS%%/$links/;

# dir, port; config: text as above; words: { REDIS => ..., DATABASE => ... };
# level: of the error log; preload: a library, that of a sanitizer say; daemon => 1:
# not in the foreground but as operators run it, which is the only way in which nginx
# lets its binary be upgraded. (Such a one outlives a test that is killed.)
sub new {
    my ($class, %arg) = @_;
    return $class->SUPER::new(
        name => 'nginx', config => $FULL, level => 'info', words => {}, ports => {},
        preload => $ENV{ERRTRACK_PRELOAD}, %arg,
    );
}

# Graceful.
sub stop_signal { return 'QUIT' }

# Nobody is left to wait for requests in flight.
sub death_signal { return 'TERM' }

# Everything goes to the error log, what nginx prints before it opens that too.
sub log { return $_[0]->beside('error.log') }

# Further ones have names, and files of their own.
sub beside {
    my ($self, $file) = @_;
    return "$self->{dir}/" . ($self->name eq 'nginx' ? $file : $self->name . "-$file");
}

sub folder { return "$_[0]{dir}/" . $_[0]->name }

sub access_log { return $_[0]->beside('access.log') }

sub command {
    my ($self) = @_;
    $self->configure;
    return $self->program;
}

# What a sanitizer has to let pass: nginx does not free its pools at the end, and each of
# its modules has globals of the same few names.
sub program {
    my ($self) = @_;
    return (
        ($self->{preload} ? ('env', "LD_PRELOAD=$self->{preload}", 'ASAN_OPTIONS=detect_leaks=0:detect_odr_violation=0') : ()),
        binary(), '-p', $self->folder . '/', '-c', $self->file, '-e', $self->log,
    );
}

# With its path, or it could not be upgraded.
sub binary {
    my ($path) = grep { -f && -x _ } map { "$_/nginx" } split /:/, $ENV{PATH};
    return $path // 'nginx';
}

sub file { return $_[0]->folder . '/nginx.conf' }

sub mark { return $_[0]->file }

sub ready {
    my ($self) = @_;
    return answers($self->port) && $self->worker_pids;
}

# ---- configuration ----------------------------------------------------------

# Writes the configuration file; with a text, a new one, for the next reload.
sub configure {
    my ($self, $text) = @_;
    make_dir($self->folder);
    $self->{config} = $text if defined $text;
    my $conf = $self->{config};
    $conf =~ s/%%PORT_(\w+)%%/$self->port($1)/ge;
    $conf =~ s/%%(\w+)%%/$self->word($1)/ge;
    write_file($self->file, $conf);
    return;
}

sub port {
    my ($self, $name) = @_;
    return $self->{port} if !defined $name;
    return $self->{ports}{$name} ||= free_port();
}

sub word {
    my ($self, $word) = @_;
    my ($dir, $folder) = ($self->{dir}, $self->folder);
    my %known = (
        PORT    => $self->{port},
        DIR     => $dir,
        TREE    => root(),
        SECRETS_KEY => secrets_key($dir),
        MODULES => join("\n", map { qq(load_module "$_";) } modules()),
        # An upgraded nginx has of the environment only what it is told to keep.
        GLOBALS => join("\n", $self->{daemon} ? ('daemon on;', 'env LD_PRELOAD;', 'env ASAN_OPTIONS;') : 'daemon off;',
            'master_process on;', 'worker_processes 2;',
            qq(pid "$folder/nginx.pid";), 'error_log "' . $self->log . qq(" $self->{level};)),
        HTTP    => join("\n    ", 'include /etc/nginx/mime.types;', 'access_log "' . $self->access_log . '";',
            map { qq(${_}_temp_path "$folder/$_";) } qw(client_body proxy fastcgi uwsgi scgi)),
        %{ $self->{words} },
    );
    return $known{$word} // die "nginx.conf: nothing is known as %%$word%%\n";
}

sub modules {
    return map { build_dir() . "/nginx/ngx_http_errtrack_${_}_module.so" } qw(ingest query);
}

# nginx -t: (whether it is good, what nginx said).
sub test {
    my ($self) = @_;
    $self->configure;
    my ($status, $out, $err) = run([ $self->program, '-t' ]);
    return ($status == 0, $out . $err);
}

# ---- life -------------------------------------------------------------------

sub start {
    my ($self) = @_;
    return $self->SUPER::start if !$self->{daemon};
    die "$self->{name} runs already\n" if $self->alive;
    $self->sweep;
    $self->{log_offset} = -s $self->log || 0;
    my ($status, $out, $err) = run([ $self->command ]);
    die "$self->{name} did not start: $out$err" if $status;
    # The first process ends when the daemon is there, which may not have written this yet.
    wait_until(sub { $self->written_pid }, 10) or die "$self->{name} wrote no pid file\n";
    $self->{session} = $self->written_pid;
    $self->adopt($self->written_pid);
    wait_until(sub { $self->ready }, 30) or die "$self->{name} was not ready within 30 s:\n" . $self->complaint;
    return $self;
}

# The master process as its own pid file tells.
sub written_pid { return read_file($_[0]->folder . '/nginx.pid') =~ /^(\d+)$/m ? $1 : undef }

my $taking = qr/^nginx: worker process(?! is shutting down)/;

# Worker processes that take requests; with a true value also those that only
# finish theirs.
sub worker_pids {
    my ($self, $all) = @_;
    my $kind = $all ? qr/^nginx: worker process/ : $taking;
    return grep { (process_of($_) || { command => '' })->{command} =~ $kind } sort { $a <=> $b } $self->descendants;
}

# Upgrades the binary: a new master process takes requests beside the old one. From then on
# this is the new one. Returns the pids of both, for signals to the old one and for adopt.
sub upgrade {
    my ($self) = @_;
    my $old = $self->pid;
    $self->signal('USR2');
    wait_until(sub {
        my $new = $self->written_pid;
        return $new && $new != $old && $self->workers_of($new);
    }, 30) or die "nginx did not upgrade\n";
    $self->adopt($self->written_pid);
    return $old, $self->pid;
}

# Those of one of several masters that take requests.
sub workers_of {
    my ($self, $master) = @_;
    return grep {
        my $process = process_of($_);
        $process && $process->{ppid} == $master && $process->{command} =~ $taking;
    } others_of($master);
}

# Loads the configuration (a new text if given) and returns when the old worker
# processes are gone.
sub reload {
    my ($self, $text) = @_;
    $self->configure($text);
    my @old = $self->worker_pids(1);
    my $offset = -s $self->log;
    $self->signal('HUP');
    my $refused;
    my $done = wait_until(sub {
        $refused = read_file($self->log, $offset) =~ /^.*\[emerg\].*/m ? $& : undef;
        return $refused || !(grep { running($_) } @old) && $self->worker_pids;
    }, 30);
    die "nginx did not take the configuration: $refused\n" if $refused;
    die "old worker processes of nginx were still there after a reload\n" if !$done;
    return;
}

# Has the logs opened anew, for a test that moved them away.
sub reopen {
    my ($self) = @_;
    $self->signal('USR1');
    wait_until(sub { -e $self->log && -e $self->access_log }, 10) or die "nginx did not reopen its logs\n";
    return;
}

1;
