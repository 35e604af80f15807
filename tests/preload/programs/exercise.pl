# SPDX-License-Identifier: MIT
#
# Owns a perl workload that checks itself and prints one digest: hashes, sorting, regular
# expressions, long strings, closures, forked children and interpreter threads.
use strict;
use warnings;
use threads;
use Digest::SHA qw(sha256_hex);

my @sums;

sub check {
    my ($good, $what) = @_;
    die "exercise.pl: $what\n" unless $good;
}

sub hashes {
    my %index;
    for my $i (1 .. 100000) {
        my $key = ($i * 7919) % 50021;
        push @{ $index{"key$key"} }, "v" x ($i % 60);
        delete $index{ "key" . ($i % 50021) } if $i % 5 == 0;
    }
    my $text = join ",", map { "$_=" . scalar @{ $index{$_} } } sort keys %index;
    push @sums, sha256_hex($text);
    return;
}

sub strings {
    my $text = "";
    $text .= chr(97 + $_ % 26) x ($_ % 300) for 1 .. 20000;
    my $count = () = $text =~ /([aeiou])\1+/g;
    (my $other = $text) =~ s/([b-d]+)/<$1>/g;
    check(length($other) > length($text), "substitution");
    push @sums, $count, sha256_hex($other), sha256_hex(pack("N*", 1 .. 200000));
    my @sorted = sort { $b cmp $a } map { sprintf "%08d", ($_ * 104729) % 1000003 } 1 .. 50000;
    push @sums, sha256_hex("@sorted");
    return;
}

sub children {
    for my $i (1 .. 8) {
        my $pid = open(my $pipe, "-|") // die "fork: $!";
        if ($pid == 0) {
            my @data = map { "$_" x 20 } 1 .. 2000 + $i;
            print scalar(@data), sha256_hex("@data");
            exit 0;
        }
        push @sums, scalar <$pipe>;
        check(close($pipe), "a child failed");
    }
    return;
}

# A thread gets a clone of the whole interpreter and what it returns is freed by the parent.
sub interpreter_threads {
    my %shared = map { $_ => "x" x ($_ % 100) } 1 .. 2000;
    for my $round (1 .. 3) {
        my @threads = map {
            my $seed = $_;
            threads->create(
                sub {
                    my @rows = map { $_ * $seed . ":" . "y" x ($_ % 50) } 1 .. 3000;
                    return sha256_hex("@rows") . scalar(keys %shared);
                }
            );
        } 1 .. 4;
        push @sums, map { $_->join } @threads;
    }
    return;
}

if ($ENV{EXPECT_LIBRARY}) {
    open(my $maps, "<", "/proc/self/maps") or die;
    check(scalar(grep { index($_, $ENV{EXPECT_LIBRARY}) >= 0 } <$maps>), "library not mapped");
}
hashes();
strings();
children();
interpreter_threads();
print sha256_hex("@sums"), "\n";
