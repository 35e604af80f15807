# SPDX-License-Identifier: MIT
#
# Owns the check that what has one home in src/ is written in that home only: system calls on
# mappings, abort, errno, the dynamic linker; and that nothing formats with stdio or allocates.

source "$(dirname "$0")/lib.bash"

# Each rule, in three lines: a Perl expression, the files where it is allowed, what to do instead.
RULES='
\b(mmap|munmap|madvise|mremap|mprotect)\s*\(
^src/os/os_linux\.c$
ask the os layer

\berrno\s*=(?!=)(?!\s*saved)
^src/api/
return the error: the api layer sets errno (or restore it: errno = saved)

\babort\s*\(
^src/base/log\.c$
call log_abort

\bv?(f|s|d|sn|as|vas)?printf\s*\(
^nowhere$
call log_line

\b(dlsym|dlvsym|dlopen)\s*\(
^src/api/(bad_alloc|confine|libc_handover)\.c$
this may allocate

(?<![\w.>*])(malloc|calloc|realloc|reallocarray|free|posix_memalign|aligned_alloc|memalign)\s*\(
^src/api/malloc\.c$
this is the allocator itself

(?<![\w.>*])(strn?dup|getline|fopen|fdopen|opendir|setenv|putenv|atexit)\s*\(
^nowhere$
this may allocate

\b(secure_)?getenv\s*\(
^src/os/settings\.c$
add a row to the table of settings
'

perl "$HERE/c_text.pl" code "${SOURCES[@]}" | RULES=$RULES perl -ne '
    BEGIN { @rules = map { [split /\n/] } split /\n\n/, $ENV{RULES} =~ s/^\n//r }
    my ($file, $line, $text) = /^([^:]+):(\d+):(.*)$/ or next;
    for my $rule (@rules) {
        my ($pattern, $allowed, $instead) = @$rule;
        print "$file:$line: `$&`: $instead\n" if $file !~ $allowed && $text =~ $pattern;
    }' | report "forbidden calls"
