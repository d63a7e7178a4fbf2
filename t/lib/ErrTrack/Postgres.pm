package ErrTrack::Postgres;

# A private PostgreSQL with the database errtrack, migrated. It listens on
# loopback only, every login needs its password, and the passwords are random:
# they stand in one file (pgpass) that connection strings point at.
#
# initdb and sql/migrate take longer than most tests, so test files copy a
# template, made once for each state of sql/.

use strict;
use warnings;
use parent 'ErrTrack::Service';

use Digest::SHA ();
use Fcntl ':flock';
use File::Find ();
use File::Path ();
use IO::Handle ();
use IPC::Open3 ();

use ErrTrack::Process qw(account common_dir give make_dir random_hex read_file root run write_file);

use constant { ADMIN => 'errtrack_admin', DATABASE => 'errtrack' };

# dir, port; durable: fsync on, for data that is to stay; settings: { name => value }.
sub new {
    my ($class, %arg) = @_;
    return $class->SUPER::new(name => 'postgres', settings => {}, start_timeout => 60, stop_timeout => 30, %arg);
}

sub data { return "$_[0]{dir}/postgres/data" }

sub passfile { return "$_[0]{dir}/pgpass" }

# Fast: connections are closed, data is written.
sub stop_signal { return 'INT' }

sub command {
    my ($self) = @_;
    my %settings = (
        listen_addresses        => '127.0.0.1',
        port                    => $self->port,
        unix_socket_directories => '',
        shared_buffers          => '64MB',
        max_connections         => 60,
        log_line_prefix         => '%m [%p] %q%u@%d ',
        # Good enough for a process that is killed, not for a machine that is.
        ($self->{durable} ? () : (fsync => 'off', full_page_writes => 'off')),
        ($ENV{ERRTRACK_EXPLAIN} ? explained($ENV{ERRTRACK_EXPLAIN}, $self->port) : ()),
        ($ENV{ERRTRACK_PLANS} ? (plan_cache_mode => $ENV{ERRTRACK_PLANS}) : ()),
        %{ $self->{settings} },
    );
    return (program('postgres'), '-D', $self->data, map { ('-c', "$_=$settings{$_}") } sort keys %settings);
}

# Settings by which the plan of every statement, also of those in functions, is written
# into a folder, in JSON.
sub explained {
    my ($folder, $port) = @_;
    return (
        session_preload_libraries => 'auto_explain', 'auto_explain.log_min_duration' => 0,
        'auto_explain.log_nested_statements' => 'on', 'auto_explain.log_verbose' => 'on',
        'auto_explain.log_format' => 'json', logging_collector => 'on', log_destination => 'jsonlog',
        log_directory => $folder, log_filename => "$port.log", log_rotation_size => 0,
    );
}

sub ready {
    my ($self) = @_;
    my ($status) = run([ program('pg_isready'), '-q', '-d', $self->conninfo(ADMIN) ],
        plain => 1);
    return $status == 0;
}

# The newest of the installed versions.
sub program {
    my ($name) = @_;
    my ($newest) = sort { $b <=> $a } map { m{/(\d+)/bin/postgres$} ? $1 : () } glob '/usr/lib/postgresql/*/bin/postgres';
    die "ErrTrack: no server in /usr/lib/postgresql: install postgresql\n" if !$newest;
    return "/usr/lib/postgresql/$newest/bin/$name";
}

# ---- making a cluster -------------------------------------------------------

sub exists { return -e $_[0]->data . '/PG_VERSION' }

# A new cluster with the database and its roles, running at the end.
sub create {
    my ($self) = @_;
    make_dir("$self->{dir}/postgres");
    # What an interrupted first start left cannot be told from the whole.
    File::Path::remove_tree($self->data);

    my %password = map { $_ => random_hex(24) } ADMIN, qw(errtrack_worker errtrack_query);
    my $pwfile = write_file("$self->{dir}/postgres/password", "$password{+ADMIN}\n");
    my $unfinished = "$self->{dir}/postgres/data.new";
    File::Path::remove_tree($unfinished);
    my ($status, $out, $err) = run([
        program('initdb'), '-D', $unfinished, '-A', 'scram-sha-256', '-U', ADMIN, "--pwfile=$pwfile",
        '--encoding=UTF8', '--locale=C.UTF-8',
        # A third less to copy.
        ($self->{durable} ? () : ('--no-sync', '--wal-segsize=1')),
    ]);
    unlink $pwfile;
    die "initdb:\n$out$err" if $status;
    rename $unfinished, $self->data or die "rename $unfinished: $!\n";
    write_file($self->passfile, join '', map { "127.0.0.1:*:*:$_:$password{$_}\n" } sort keys %password);

    $self->start;
    $self->prepare;
    return $self;
}

# Brings the database to the schema of this checkout; does no harm again.
sub prepare {
    my ($self) = @_;
    my ($there) = $self->rows_in('template1', 'select 1 from pg_database where datname = $1', DATABASE);
    if (!$there) {
        $self->rows_in('template1', $_) for $self->{durable} ? 'create database ' . DATABASE : (
            # Making files is what takes time when a template is copied, and each
            # database is 300 of them. A test needs its own and template1.
            'alter database postgres rename to ' . DATABASE,
            'alter database template0 is_template false',
            'drop database template0',
        );
    }
    my $log = $self->migrate;
    my %password = read_file($self->passfile) =~ /^127\.0\.0\.1:\*:\*:(\w+):(\w+)$/mg;
    $self->rows_in(DATABASE, join ' ', map { "alter role $_ password '$password{$_}';" } sort keys %password);
    return $log;
}

# Runs sql/migrate and returns what it said.
sub migrate {
    my ($self) = @_;
    my ($status, $out, $err) = run([ root() . '/sql/migrate', $self->conninfo(ADMIN) ], plain => 1);
    die "sql/migrate:\n$out$err" if $status;
    return $out . $err;
}

# The same as create, from the template of this state of sql/.
sub create_from_template {
    my ($self) = @_;
    my $template = common_dir() . '/template-' . template_sum();
    open my $lock, '>', "$template.lock" or die "$template.lock: $!\n";
    flock $lock, LOCK_EX or die "$template.lock: $!\n";
    if (!-d $template) {
        discard_old_templates();
        my $new = "$template.new";
        File::Path::remove_tree($new);
        make_dir($new);
        my $maker = __PACKAGE__->new(dir => $new, port => $self->port);
        my $made = eval { $maker->create; 1 };
        my $why = $@;
        $maker->stop;
        die $why if !$made;
        rename $new, $template or die "rename $new: $!\n";
    }
    # Kept while it is used: the next test file may copy at the same time, but
    # nobody may discard it.
    utime undef, undef, $template;
    flock $lock, LOCK_SH;

    make_dir("$self->{dir}/postgres");
    my ($status, $out, $err) = run([ 'cp', '-a', '--reflink=auto',
        "$template/postgres/data", "$self->{dir}/postgres/" ]);
    die "copy of the database template: $out$err" if $status;
    write_file($self->passfile, read_file("$template/pgpass"));
    return $self->start;
}

sub template_sum {
    my @files;
    File::Find::find({ wanted => sub { push @files, $_ if -f }, no_chdir => 1 }, root() . '/sql');
    my $sum = Digest::SHA->new(256);
    $sum->add(join '|', program('postgres'), account()->{name}, read_file(__FILE__));
    for my $file (sort @files) {
        $sum->add("\n", substr($file, length root()), "\n", read_file($file));
    }
    return substr $sum->hexdigest, 0, 16;
}

# Templates of older states of sql/ that nobody has used for a day.
sub discard_old_templates {
    for my $template (grep { /-[0-9a-f]{16}$/ && -M $_ > 1 } glob common_dir() . '/template-*') {
        open my $lock, '>', "$template.lock" or next;
        next if !flock $lock, LOCK_EX | LOCK_NB;
        File::Path::remove_tree($template);
        unlink "$template.lock";
    }
    return;
}

# From now on conninfo is enough for this login.
sub know_password {
    my ($self, $role, $password) = @_;
    my @others = grep { !/^127\.0\.0\.1:\*:\*:\Q$role\E:/ } split /^/, read_file($self->passfile);
    return write_file($self->passfile, join '', @others, "127.0.0.1:*:*:$role:$password\n");
}

# ---- asking -----------------------------------------------------------------

# A connection string for a role; the password comes out of the file.
sub conninfo {
    my ($self, $role, %arg) = @_;
    my $database = $arg{database} || DATABASE;
    return "host=127.0.0.1 port=$self->{port} dbname=$database user=$role "
        . 'passfile=' . quoted($self->passfile) . ' connect_timeout=2';
}

# A value of a connection string.
sub quoted {
    my ($value) = @_;
    return $value if $value =~ m{^[\w/.:-]+$};
    $value =~ s/([\\'])/\\$1/g;
    return "'$value'";
}

# Rows of one query as arrays of strings, NULL as undef. Parameters stand in the
# text as $1, $2, ... outside of quotes; psql quotes them. The login is a
# superuser. Several statements may be given if at most one has a result.
sub rows {
    my ($self, $sql, @values) = @_;
    return $self->rows_in(DATABASE, $sql, @values);
}

my ($field, $record, $null) = ("\x1f", "\x1e", "\x1d");

sub rows_in {
    my ($self, $database, $sql, @values) = @_;
    return $self->rows_over($self->conninfo(ADMIN, database => $database), $sql, @values);
}

# The same as rows as another login, whose password is known.
sub rows_as {
    my ($self, $role, $sql, @values) = @_;
    return $self->rows_over($self->conninfo($role), $sql, @values);
}

sub rows_over {
    my ($self, $conninfo, $sql, @values) = @_;
    $sql =~ s/\$([1-9]\d*)\b/parameter($1, \@values)/ge;
    my @set = map { defined $values[$_] ? ('-v', 'p' . ($_ + 1) . '=' . encoded($values[$_])) : () } 0 .. $#values;
    my ($status, $out, $err) = run([
        'psql', '-X', '-q', '-A', '-t', '-F', $field, '-R', $record, '-P', "null=$null",
        '-v', 'ON_ERROR_STOP=1', @set, '-d', $conninfo, '-f', '-',
    ], stdin => $sql, plain => 1);
    die "psql: $err$sql\n" if $status;
    utf8::decode($out);
    # No row at all prints nothing, one empty value prints an empty line.
    return if $out eq '';
    chomp $out;
    return map { [ map { $_ eq $null ? undef : $_ } pieces($field, $_) ] } pieces($record, $out);
}

# A session that stays open, for locks and open transactions: a function that runs
# statements in it and returns when they are done. It ends with the last reference. The
# login is a superuser unless another one is named.
sub session {
    my ($self, $role) = @_;
    # Of what psql says only the reason for its end matters.
    open my $err, '+>', undef or die "temporary file: $!\n";
    my $pid = IPC::Open3::open3(my $in, my $out, '>&' . fileno $err, 'psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1',
        '-d', $self->conninfo($role // ADMIN));
    $in->autoflush(1);
    my $guard = ErrTrack::Postgres::Session->new($pid, $in, $out, $err);
    return sub { $guard->run(@_) };
}

# split has no pieces for an empty text.
sub pieces {
    my ($separator, $text) = @_;
    return length $text ? split /\Q$separator\E/, $text, -1 : '';
}

sub parameter {
    my ($number, $values) = @_;
    die "no value for \$$number\n" if $number > @$values;
    return defined $values->[ $number - 1 ] ? ":'p$number'" : 'null';
}

sub encoded {
    my ($value) = @_;
    utf8::encode($value) if utf8::is_utf8($value);
    return $value;
}

package ErrTrack::Postgres::Session;

sub new {
    my ($class, $pid, $in, $out, $err) = @_;
    return bless { pid => $pid, in => $in, out => $out, err => $err, number => 0 }, $class;
}

sub run {
    my ($self, $sql) = @_;
    my $mark = 'done ' . ++$self->{number};
    print { $self->{in} } "$sql\n\\echo $mark\n";
    while (defined(my $line = readline $self->{out})) {
        return 1 if $line eq "$mark\n";
    }
    seek $self->{err}, 0, 0;
    die join '', "psql ended in: $sql\n", readline $self->{err};
}

sub DESTROY {
    my ($self) = @_;
    close $self->{$_} for qw(in out err);
    waitpid $self->{pid}, 0;
    return;
}

1;
