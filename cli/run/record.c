/* SPDX-License-Identifier: MIT */
/*
 * `hakmem record`: runs a program with the recorder (record/) in front of the allocator that it
 * uses anyway. Ends with one line on the trace, and with the program's exit status. While the
 * program runs, only the recorder changes the file.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arguments.h"
#include "base/message.h"
#include "base/output.h"
#include "base/text.h"
#include "program/library.h"
#include "program/loader.h"
#include "program/program.h"
#include "run/verbs.h"
#include "trace.h"

#define SUFFIX ".hmtrace"

struct options {
    const char *file;
    char **program;
};

/* ---- The file ---- */

/* Purpose: the place of the trace. Invariant: until the program has ended the trace is in `path`,
 * beside its final file, which stays as it is. */
struct recording {
    struct output output;
    char path[PATH_MAX];
};

static _Noreturn void fail_file(const char *file, const char *reason)
{
    exit(cli_fail(EXIT_USAGE, "hakmem record: cannot write '%s': %s", file, reason));
}

/* Make a new file for the recorder, with the mode and in the directory that the trace will have. */
static void begin_file(struct recording *recording, const char *file)
{
    struct stat status;
    char place[PATH_MAX];
    recording->output = (struct output){.command = "hakmem record", .path = file};
    if (stat(file, &status) == 0 && !S_ISREG(status.st_mode))
        fail_file(file, "not a regular file");
    if (!output_open(&recording->output))
        exit(EXIT_USAGE);
    int fd = -1;
    if (fstat(fileno(recording->output.file), &status) == 0 && realpath(file, place)) {
        errno = ENAMETOOLONG;
        if (snprintf(recording->path, PATH_MAX, "%s.XXXXXX", place) < PATH_MAX)
            fd = mkostemp(recording->path, O_CLOEXEC);
    }
    int error = errno;
    if (fd >= 0) {
        fchmod(fd, status.st_mode & 0777);
        close(fd);
        return;
    }
    output_drop(&recording->output);
    fail_file(file, strerror(error));
}

/* There is no trace: remove the file. */
static void drop_file(struct recording *recording)
{
    unlink(recording->path);
    output_drop(&recording->output);
}

/* Move the trace to its place. If that fails, writes one line and returns false. */
static bool keep_file(struct recording *recording)
{
    char place[PATH_MAX];
    if (!realpath(recording->output.path, place) || rename(recording->path, place) != 0) {
        cli_fail(EXIT_INTERNAL, "hakmem record: cannot write '%s': %s: the trace is in %s",
                 recording->output.path, strerror(errno), recording->path);
        output_drop(&recording->output);
        return false;
    }
    return output_end(&recording->output, EXIT_SUCCESS) == EXIT_SUCCESS;
}

/* The file is longer than its records: cut it. False if there is no trace. */
static bool end_file(const char *path, struct trace_header *header)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool is_trace = pread(fd, header, sizeof *header, 0) == (ssize_t)sizeof *header &&
                    memcmp(header->magic, TRACE_MAGIC, sizeof TRACE_MAGIC) == 0 &&
                    ftruncate(fd, (off_t)(TRACE_HEADER_BYTES + header->used)) == 0;
    close(fd);
    return is_trace;
}

static void say_trace(const char *file, const struct trace_header *header)
{
    cli_say("hakmem record: %s: %ju call%s of %ju thread%s, %s%s", file, (uintmax_t)header->calls,
            header->calls == 1 ? "" : "s", (uintmax_t)header->threads,
            header->threads == 1 ? "" : "s", text_of_size(TRACE_HEADER_BYTES + header->used).bytes,
            header->is_cut ? ", not to the program's end" : "");
}

/* ---- The program ---- */

/* PROGRAM.hmtrace, in the current directory. */
static void name_file(const char *program, char file[PATH_MAX])
{
    const char *slash = strrchr(program, '/');
    int length = snprintf(file, PATH_MAX, "%s" SUFFIX, slash ? slash + 1 : program);
    if (length >= PATH_MAX)
        exit(cli_fail(EXIT_USAGE, "hakmem record: '%s': name too long", program));
}

static int record_program(const char *file, char **argv)
{
    struct recording recording;
    struct outcome outcome;
    struct trace_header header;
    library_preload("hakmem record", LIBRARY_RECORDER);
    begin_file(&recording, file);
    cli_export(TRACE_VARIABLE, recording.path);
    const struct program program = {.command = "hakmem record", .argv = argv};
    int status = program_run(&program, &outcome);
    if (status != EXIT_SUCCESS) {
        drop_file(&recording);
        return status;
    }
    status = program_status(&outcome);
    if (end_file(recording.path, &header)) {
        if (!keep_file(&recording))
            return EXIT_INTERNAL;
        say_trace(file, &header);
        return status;
    }
    drop_file(&recording);
    const char *reason = loader_explain(argv[0]);
    if (!reason)
        reason = "it has no allocator, or executed a program without the recorder";
    cli_fail(EXIT_INTERNAL, "hakmem record: nothing recorded of '%s': %s", argv[0], reason);
    return status == EXIT_SUCCESS ? EXIT_INTERNAL : status;
}

/* ---- Arguments ---- */

static error_t parse_record(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    cli_parse_common(key, state);
    switch (key) {
    case 'o': options->file = argument; return 0;
    case ARGP_KEY_ARG:
        /* the remaining words belong to the program */
        options->program = state->argv + state->next - 1;
        state->next = state->argc;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int record_command(int argc, char **argv)
{
    static const struct argp_option table[] = {
        {"output", 'o', "FILE", 0, "write to this file (PROGRAM" SUFFIX ")", 0},
        CLI_OPTION_HELP,
        {0},
    };
    static const struct argp argp = {
        .options = table,
        .parser = parse_record,
        .args_doc = "[--] PROGRAM [ARGUMENTS]",
        .doc = "Run a program on the allocator that it uses anyway, and write each of its "
               "allocator calls to a file. bench/replay plays such a file under any allocator."
               "\v"
               "One process is recorded: the program's, not its children. If it executes another "
               "program in its place, that one is recorded. The exit status is the program's, "
               "as with hakmem run; it is 125 also when nothing was recorded.",
    };
    struct options options = {0};
    char file[PATH_MAX];
    cli_parse(&argp, argc, argv, &options);
    if (!options.program)
        return cli_fail(EXIT_USAGE, "hakmem record: no program given (see hakmem record --help)");
    if (!options.file) {
        name_file(options.program[0], file);
        options.file = file;
    }
    return record_program(options.file, options.program);
}
