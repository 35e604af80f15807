/* SPDX-License-Identifier: MIT */
/*
 * Starts a child that finds the names of addresses, and reads its answer: for each address in turn
 * its frames, each as LINE, IS_LAST, FUNCTION and FILE. The child's time, memory and answer are
 * bounded. If the answer ends too early, the remaining addresses stay without names.
 */
#include "sites/symbols.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/message.h"
#include "sites/resolver.h"

#define SECONDS_MAX 60
#define ADDRESSES_MAX ((size_t)1 << 20)
#define ANSWER_BYTES_MAX ((size_t)512 << 20)
#define MEMORY_BYTES_MAX ((rlim_t)32 << 30)
/* Longer names are cut: names of templates have no bound. */
#define NAME_MAX_BYTES 1000

/* ---- the child ---- */

static void put_text(FILE *out, const char *text)
{
    if (text)
        fwrite(text, 1, strnlen(text, NAME_MAX_BYTES), out);
    fputc('\0', out);
}

static void put_frame(void *state, const struct found_frame *frame, bool is_last)
{
    FILE *out = state;
    fwrite(&frame->line, sizeof frame->line, 1, out);
    fputc(is_last, out);
    put_text(out, frame->function);
    put_text(out, frame->file);
}

static _Noreturn void be_child(const struct symbols *symbols, pid_t pid, int pipe_end)
{
    struct resolver resolver;
    const struct rlimit memory = {MEMORY_BYTES_MAX, MEMORY_BYTES_MAX};
    const struct rlimit core = {0, 0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_AS, &memory);
    setrlimit(RLIMIT_CORE, &core);
    unsetenv("DEBUGINFOD_URLS"); /* no build-id of the target goes to the network */
    alarm(SECONDS_MAX);
    /* elfutils may write messages about a file */
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    FILE *out = fdopen(pipe_end, "w");
    resolver_begin(&resolver, &symbols->modules, pid);
    for (size_t i = 0; out && i < symbols->count; i++)
        resolver_find(&resolver, symbols->addresses[i], put_frame, out);
    _exit(out && fflush(out) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* ---- the answer ---- */

/* Read the answer until its end, or until its time or room is used up. */
static size_t read_answer(struct symbols *symbols, int pipe_end)
{
    double end = clock_seconds() + SECONDS_MAX;
    size_t room = (size_t)1 << 20;
    size_t length = 0;
    symbols->text = memory_resize(NULL, room, 1);
    while (length < ANSWER_BYTES_MAX) {
        struct pollfd ready = {.fd = pipe_end, .events = POLLIN};
        double left = end - clock_seconds();
        int is_ready = left > 0 ? poll(&ready, 1, (int)(left * 1000) + 1) : 0;
        if (is_ready < 0 && errno == EINTR)
            continue;
        if (is_ready <= 0)
            break;
        if (length == room)
            symbols->text = memory_resize(symbols->text, room *= 2, 1);
        ssize_t got = read(pipe_end, symbols->text + length, room - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        length += (size_t)got;
    }
    return length;
}

static size_t ask_child(struct symbols *symbols, pid_t pid)
{
    int ends[2];
    fflush(NULL); /* else the child would write the buffers once more */
    if (pipe2(ends, O_CLOEXEC) != 0)
        return 0;
    pid_t child = fork();
    if (child == 0)
        be_child(symbols, pid, ends[1]);
    close(ends[1]);
    size_t length = child > 0 ? read_answer(symbols, ends[0]) : 0;
    close(ends[0]);
    if (child > 0) {
        kill(child, SIGKILL);
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    return length;
}

static struct frame *add_frame(struct symbols *symbols)
{
    if ((symbols->frame_count & (symbols->frame_count - 1)) == 0)
        symbols->frames = memory_resize(symbols->frames,
                                        symbols->frame_count ? 2 * symbols->frame_count : 1,
                                        sizeof *symbols->frames);
    return &symbols->frames[symbols->frame_count++];
}

/* The text at *at, which is made printable; NULL when it has no end. */
static const char *take_text(struct symbols *symbols, size_t *at, size_t length)
{
    char *text = symbols->text + *at;
    const char *end = *at < length ? memchr(text, '\0', length - *at) : NULL;
    if (!end)
        return NULL;
    *at += (size_t)(end - text) + 1;
    text_make_printable(text);
    return text;
}

static bool take_frame(struct symbols *symbols, size_t *at, size_t length, struct frame *frame,
                       bool *is_last)
{
    if (length - *at < sizeof frame->line + 1)
        return false;
    memcpy(&frame->line, symbols->text + *at, sizeof frame->line);
    *is_last = symbols->text[*at + sizeof frame->line] != 0;
    *at += sizeof frame->line + 1;
    frame->function = take_text(symbols, at, length);
    frame->file = frame->function ? take_text(symbols, at, length) : NULL;
    if (!frame->file)
        return false;
    frame->is_named = frame->function[0] != '\0';
    frame->is_inlined = !*is_last;
    if (frame->file[0] == '\0')
        frame->file = NULL;
    return true;
}

/* "libx.so+0x1234": what addr2line and objdump ask for. */
static const char *name_by_offset(const struct frame *frame)
{
    char name[512];
    const struct module *module = frame->module;
    if (module)
        snprintf(name, sizeof name, "%.400s+0x%" PRIx64, module->name,
                 frame->address - module->start + module->file_offset);
    else
        snprintf(name, sizeof name, "0x%" PRIx64, frame->address);
    char *copy = memory_resize(NULL, strlen(name) + 1, 1);
    return strcpy(copy, name);
}

static void take_answer(struct symbols *symbols, size_t length)
{
    size_t at = 0;
    for (size_t i = 0; i < symbols->count; i++) {
        symbols->first[i] = symbols->frame_count;
        for (bool is_last = false; !is_last;) {
            struct frame frame = {.address = symbols->addresses[i]};
            frame.module = modules_at(&symbols->modules, frame.address);
            if (!symbols->is_cut_short && !take_frame(symbols, &at, length, &frame, &is_last))
                symbols->is_cut_short = true;
            if (symbols->is_cut_short) {
                is_last = true;
                frame = (struct frame){.address = frame.address, .module = frame.module};
            }
            if (!frame.is_named)
                frame.function = name_by_offset(&frame);
            *add_frame(symbols) = frame;
        }
    }
    symbols->first[symbols->count] = symbols->frame_count;
}

/* ---- the addresses ---- */

static int compare_addresses(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static void sort_addresses(struct symbols *symbols)
{
    size_t kept = 0;
    if (symbols->count > 0)
        qsort(symbols->addresses, symbols->count, sizeof(uint64_t), compare_addresses);
    for (size_t i = 0; i < symbols->count; i++)
        if (kept == 0 || symbols->addresses[i] != symbols->addresses[kept - 1])
            symbols->addresses[kept++] = symbols->addresses[i];
    symbols->count = kept;
}

/* Collect each address once. Sorting now and then, and removing duplicates, keeps the list
 * short. */
static void collect_addresses(struct symbols *symbols, const struct profile_view *copied)
{
    size_t room = 0;
    for (size_t i = 0; i < copied->site_count; i++) {
        const struct site_view *site = &copied->sites[i];
        if (symbols->count + site->depth > room) {
            sort_addresses(symbols);
            room = 2 * (symbols->count + site->depth);
            symbols->addresses = memory_resize(symbols->addresses, room, sizeof(uint64_t));
        }
        if (site->depth > 0)
            memcpy(symbols->addresses + symbols->count, site->frames,
                   site->depth * sizeof(uint64_t));
        symbols->count += site->depth;
    }
    sort_addresses(symbols);
    if (symbols->count > ADDRESSES_MAX)
        symbols->count = ADDRESSES_MAX;
}

void symbols_find_in(struct symbols *symbols, const struct modules *modules, pid_t pid,
                     const struct profile_view *copied)
{
    *symbols = (struct symbols){.modules = *modules};
    collect_addresses(symbols, copied);
    symbols->first = memory_resize(NULL, symbols->count + 1, sizeof *symbols->first);
    take_answer(symbols, ask_child(symbols, pid));
}

void symbols_find(struct symbols *symbols, struct target *target, const struct profile_view *copied)
{
    struct modules modules;
    modules_find(&modules, target);
    symbols_find_in(symbols, &modules, target->is_core ? 0 : target->pid, copied);
}

void symbols_free(struct symbols *symbols)
{
    for (size_t i = 0; i < symbols->frame_count; i++)
        if (!symbols->frames[i].is_named)
            free((char *)symbols->frames[i].function);
    modules_free(&symbols->modules);
    free(symbols->addresses);
    free(symbols->first);
    free(symbols->frames);
    free(symbols->text);
    *symbols = (struct symbols){0};
}

size_t symbols_number(const struct symbols *symbols, uint64_t address)
{
    const uint64_t *found = NULL;
    if (symbols->count > 0)
        found = bsearch(&address, symbols->addresses, symbols->count, sizeof address,
                        compare_addresses);
    return found ? (size_t)(found - symbols->addresses) : symbols->count;
}

const struct frame *symbols_at(const struct symbols *symbols, uint64_t address, size_t *count)
{
    static const struct frame none = {.function = "?"};
    size_t at = symbols_number(symbols, address);
    *count = 1;
    if (at == symbols->count)
        return &none;
    *count = symbols->first[at + 1] - symbols->first[at];
    return &symbols->frames[symbols->first[at]];
}

void symbols_say_missing(const struct symbols *symbols, const char *command)
{
    const struct module *first = NULL;
    const struct module *last = NULL;
    size_t count = 0;
    if (symbols->is_cut_short)
        cli_say(
            "%s: not all symbols were found: looking for them failed, or took more than a minute",
            command);
    for (size_t i = 0; i < symbols->frame_count && !symbols->is_cut_short; i++) {
        const struct module *module = symbols->frames[i].module;
        if (symbols->frames[i].is_named || !module || module == last)
            continue;
        last = module;
        first = first ? first : module;
        count++;
    }
    if (count > 0)
        cli_say("%s: no symbols for some addresses of %s%s, which are shown as offsets: it is "
                "stripped, or was replaced; install its debug symbols",
                command, first->path, count > 1 ? " and other files" : "");
}
