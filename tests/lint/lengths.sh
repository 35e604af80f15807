# SPDX-License-Identifier: MIT
#
# Owns the check of sizes: a .c file has at most 500 lines, a .h file 300, a line 100 columns, and
# there are no tabs and no blanks at a line's end.

source "$(dirname "$0")/lib.bash"

FILES=({src,include,cli,record,bench,tests}/**/*.{c,h,cpp})
perl -CSD -e '
    for my $file (@ARGV) {
        open my $in, "<:utf8", $file or die "$file: $!\n";
        my $limit = $file =~ /\.h$/ ? 300 : 500;
        while (my $text = <$in>) {
            chomp $text;
            print "$file:$.: ", length $text, " columns, at most 100\n" if length $text > 100;
            print "$file:$.: a tab\n" if $text =~ /\t/;
            print "$file:$.: a blank at the end\n" if $text =~ /\s$/;
        }
        print "$file:$.: $. lines, at most $limit\n" if $. > $limit;
        close $in;
    }' "${FILES[@]}" | report "lengths"
