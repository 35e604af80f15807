#!/usr/bin/env perl
# SPDX-License-Identifier: MIT
# Read the symbols of objects on standard input, lines of `nm -P` each after the object's source and
# a colon ("src/front/route.c: route_free T 0 40"), and print the circles of files that use each
# other. A line for each circle: the folders that it lies in, joined by '+', a tab, how many files it
# has, a tab, the files. With --folders, the same for circles of folders. An object uses another if
# it has an undefined symbol that the other defines: a function that it calls, or data.
use strict;
use warnings;

my $is_by_folder = @ARGV && $ARGV[0] eq '--folders';

sub folder_of { my $file = shift; return $file =~ s{/[^/]*$}{}r }

my (%home, %wanted, %uses);
while (<STDIN>) {
    my ($file, $symbol, $type) = /^(\S+): (\S+) (\S)/ or next;
    $wanted{$file} //= [];
    # a lower-case letter is local; w and v are weak and undefined
    if ($type =~ /[Uwv]/) { push @{$wanted{$file}}, $symbol }
    elsif ($type =~ /[A-Z]/) { $home{$symbol} = $file }
}
for my $file (keys %wanted) {
    my $from = $is_by_folder ? folder_of($file) : $file;
    $uses{$from} //= {};
    for my $symbol (@{$wanted{$file}}) {
        my $to = $home{$symbol} // next;
        $to = folder_of($to) if $is_by_folder;
        $uses{$from}{$to} = 1 if $to ne $from;
    }
}

# Tarjan 1972: a circle is a component of which each part reaches each other one.
my (%index, %low, %is_on_stack, @stack, @circles);
my $count = 0;
sub visit {
    my $node = shift;
    $index{$node} = $low{$node} = $count++;
    push @stack, $node;
    $is_on_stack{$node} = 1;
    for my $next (sort keys %{$uses{$node}}) {
        if (!defined $index{$next}) {
            visit($next);
            $low{$node} = $low{$next} if $low{$next} < $low{$node};
        } elsif ($is_on_stack{$next} && $index{$next} < $low{$node}) {
            $low{$node} = $index{$next};
        }
    }
    return if $low{$node} != $index{$node};
    my @circle;
    do { push @circle, pop @stack; $is_on_stack{$circle[-1]} = 0 } until $circle[-1] eq $node;
    push @circles, [sort @circle] if @circle > 1;
}
no warnings 'recursion';
for my $node (sort keys %uses) { visit($node) unless defined $index{$node} }

for my $circle (sort { @$b <=> @$a || "@$a" cmp "@$b" } @circles) {
    my %folders = map { ($is_by_folder ? $_ : folder_of($_)) => 1 } @$circle;
    print join('+', sort keys %folders), "\t", scalar @$circle, "\t@$circle\n";
}
