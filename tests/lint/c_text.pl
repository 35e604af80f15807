#!/usr/bin/env perl
# SPDX-License-Identifier: MIT
# Print C files line by line as "file:line:text" for the other lints. With `code`: without comments
# and with string literals emptied, those of #include kept. With `comments`: the comments only.
use strict;
use warnings;

my $mode = shift // '';
die "c_text.pl code|comments FILE...\n" unless $mode =~ /^(code|comments)$/;

for my $file (@ARGV) {
    open my $in, '<', $file or die "$file: $!\n";
    my $text = do { local $/; <$in> };
    my ($code, $comments) = ('', '');
    while ($text =~ /\G(?:
            (?<comment> \/\* .*? \*\/ | \/\/ [^\n]*)
          | (?<include> ^[ \t]*\#[ \t]*include[^\n]*)
          | (?<string>  " (?: [^"\\\n] | \\. )* " | ' (?: [^'\\\n] | \\. )* ')
          | (?<other>   .))/xmsg) {
        if (defined $+{comment}) {
            $comments .= $+{comment};
            my $lines = ($+{comment} =~ tr/\n//);
            $code .= " " . "\n" x $lines;
            next;
        }
        if (defined $+{string}) {
            $code .= substr($+{string}, 0, 1) x 2;
            next;
        }
        my $piece = $+{include} // $+{other};
        $code .= $piece;
        $comments .= "\n" x ($piece =~ tr/\n//);
    }
    my $number = 0;
    for my $line (split /\n/, $mode eq 'code' ? $code : $comments, -1) {
        $number++;
        print "$file:$number:$line\n" if $line =~ /\S/;
    }
}
