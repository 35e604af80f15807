#!/usr/bin/env perl
# SPDX-License-Identifier: MIT
# Print what C files say to people, a line for each text: FILE:LINE, a tab, the function that says
# it (or `-` where it is passed on), a tab, the text. A text is a string literal, joined with those
# beside it and with macros that are string literals, of three words at least, or of any words where
# a function of messages says it.
use strict;
use warnings;

# Functions whose text is a message: one line on standard error.
my %message = map { $_ => 1 } qw(log_line log_plain log_abort cli_fail target_fail
    target_fail_named target_fail_damaged);
# Where texts are for compilers.
my %code = map { $_ => 1 } qw(_Static_assert __asm__ __attribute__ asm);

my $literal = qr/"((?:[^"\\\n]|\\.)*)"/s;
my %macro;

sub macros_of {
    my ($text) = @_;
    while ($text =~ /^#[ \t]*define[ \t]+(\w+)[ \t]+(?:\\\n[ \t]*)?$literal[ \t]*$/mg) {
        $macro{$1} = $2;
    }
}

sub blank { my $part = shift; $part =~ s/[^\n]/ /g; return $part }

my %text_of;
for my $file (@ARGV) {
    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    my $text = <$in>;
    $text =~ s{($literal)|('(?:[^'\\\n]|\\.)*')|(/\*.*?\*/|//[^\n]*)}
        {defined $1 ? $1 : blank(defined $3 ? $3 : $4)}gse;
    $text_of{$file} = $text;
    macros_of($text) if $file =~ /\.h$/;
}
my %shared = %macro;

for my $file (sort keys %text_of) {
    my $text = $text_of{$file};
    %macro = %shared;
    macros_of($text);
    $text =~ s/^(#[ \t]*include[^\n]*|#[ \t]*define[ \t]+\w+(?:[ \t]*\\\n)?)/blank($1)/gme;
    my $line = 1;
    my @calls;    # names of the calls that are open
    my $name = '';
    while ($text =~ /\G(?:
            (?<texts> (?:$literal|\b[A-Z][A-Z0-9_]+\b)
                      (?:[\s\\]*(?:$literal|\b(?:[A-Z][A-Z0-9_]+|PRI\w+)\b))* )
          | (?<word>  \w+ )
          | (?<other> . ))/xsg) {
        my $all = $&;
        my $start = $line;
        $line += ($all =~ tr/\n//);
        if (defined $+{texts}) {
            $name = $all =~ /^[A-Z]/ ? $all : '';
            next if $all !~ /"/;
            my $joined = '';
            while ($all =~ /$literal|(\w+)/g) {
                $joined .= defined $1 ? $1 : $macro{$2} // ($2 =~ /^PRI([a-zA-Z])/ ? lc $1 : "<$2>");
            }
            my ($by) = grep { $message{$_} } reverse @calls;
            next if grep { $code{$_} } @calls;
            my $words = () = $joined =~ /[A-Za-z]{2,}(?=[\s\\,.:;)%]|$)/g;
            # not HTML, CSS, JSON, assembler and formats for scanf
            my $is_prose = $joined =~ /[a-z]{2,} [%a-z]+/ && $words >= 3 &&
                $joined !~ /^(?:[<{\\.:]| %\*)|\.cfi_|%rsp/;
            next unless $by ? $joined =~ /[A-Za-z]/ : $is_prose;
            $by //= (grep { /print|puts|writer_add/ } reverse @calls)[0] // '-';
            $joined =~ s/\t/ /g;
            print "$file:$start\t$by\t$joined\n";
        } elsif (defined $+{word}) {
            $name = $all;
        } elsif ($all eq '(') {
            push @calls, $name;
            $name = '';
        } elsif ($all eq ')') {
            pop @calls;
            $name = '';
        } elsif ($all =~ /[;{}]/) {
            @calls = () if $all eq ';';
            $name = '';
        } elsif ($all !~ /\s/) {
            $name = '';
        }
    }
}
